"""What the package offers to Pluxel; nothing heavy is imported until a component is built."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_embeddings() -> list[Component]:
    """Offer the vectors."""
    return [
        Component(
            "glove_6b_50d",
            "glove_6b_50d.vectors:Glove6B50d",
            "GloVe 6B 50d (Pennington, Socher & Manning 2014), installed with pip.",
        )
    ]
