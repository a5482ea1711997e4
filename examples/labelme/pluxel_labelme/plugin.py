"""The components of labelme, described without importing them."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_datasets() -> list[Component]:
    """Register the dataset."""
    return [
        Component(
            "labelme",
            "pluxel_labelme.dataset:LabelMe",
            "Polygons, rectangles, circles and masks of labelme (Wada 2016).",
        )
    ]
