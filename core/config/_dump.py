"""Convert a valid configuration to plain values, with defaults and qualified names."""

from __future__ import annotations

from typing import Any

from .sections.network import HeadConfig, StreamConfig
from .sections.pipeline import PipelineConfig
from .sections.plain import to_plain
from .tree.paths import SHORT


def pipeline_tree(pipeline: PipelineConfig, *, absolute: bool) -> dict[str, Any]:
    """Return a pipeline as plain values, in the short form if that loses nothing."""
    plain = to_plain(pipeline, absolute=absolute)
    del plain["pluxel"]
    if not _fits_short(pipeline):
        return plain
    short = {key: plain[section][name][part] for key, (section, name, part) in SHORT.items()}
    del plain["streams"], plain["heads"]
    return short | plain


def _fits_short(pipeline: PipelineConfig) -> bool:
    """Return whether the short form can represent the pipeline."""
    streams, heads = pipeline.streams, pipeline.heads
    if [*streams] != ["image"] or [*heads] != ["semantic"]:
        return False
    return _is_default(streams["image"], input="image") and _is_default(heads["semantic"])


def _is_default(section: StreamConfig | HeadConfig, **implied: Any) -> bool:
    short = {path[-1] for path in SHORT.values()}
    return all(
        getattr(section, name) == implied.get(name, field.get_default(call_default_factory=True))
        for name, field in type(section).model_fields.items()
        if name not in short
    )
