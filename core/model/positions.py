"""Say where positions of a model are assumed."""

from __future__ import annotations

from collections.abc import Iterator

from .network import SegmentationModel
from .weights import first_names


def assumptions(model: SegmentationModel) -> Iterator[str]:
    """Yield a sentence for each stream with maps whose positions are assumed."""
    for name, stream in model.streams.items():
        assumed = [spec for spec in stream.backbone.feature_specs if spec.source == "assumed"]
        if assumed:
            listed = first_names([spec.name for spec in assumed])
            yield f"the positions of maps of stream '{name}' are assumed, not computed: {listed}"
