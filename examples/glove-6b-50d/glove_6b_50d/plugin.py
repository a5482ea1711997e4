"""The components of the package, described without importing them."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_embeddings() -> list[Component]:
    """Register the vectors."""
    return [
        Component(
            "glove_6b_50d",
            "glove_6b_50d.vectors:Glove6B50d",
            "GloVe 6B 50d (Pennington, Socher & Manning 2014), installed with pip.",
        )
    ]
