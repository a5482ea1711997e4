"""The components of poly-loss, described without importing them."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_losses() -> list[Component]:
    """Register the loss."""
    return [
        Component(
            "poly1",
            "pluxel_poly_loss.poly1:Poly1",
            "Poly-1: cross-entropy plus ε (1 − p) (Leng et al. 2022).",
        )
    ]
