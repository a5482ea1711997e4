"""Three decoders, of which one works."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_decoders() -> list[Component]:
    """Register the decoders."""
    return [
        Component("lost", "broken_seg.lost:Lost", "Its module does not exist."),
        Component("miswired", "broken_seg.decoders:Miswired", "Its wiring is misspelled."),
        Component("sound", "broken_seg.decoders:Sound", "It works, whatever its neighbors do."),
    ]
