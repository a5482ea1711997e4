"""The components of squeezenet, described without importing them."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_backbones() -> list[Component]:
    """Register the backbone."""
    return [
        Component(
            "squeezenet",
            "pluxel_squeezenet.squeezenet:SqueezeNet",
            "SqueezeNet 1.1 (Iandola et al. 2016), with the weights of torchvision.",
        )
    ]
