"""A placeholder blueprint for a configuration whose data is missing."""

from __future__ import annotations

from ..config._config import Config
from ..contracts.labels import LabelMap
from .blueprint import Blueprint, inputs_of


def stand_in(config: Config) -> Blueprint:
    """Return a blueprint: three channels per input; per head, two classes and those it names."""
    inputs = {name for stream in config.pipeline.streams.values() for name in inputs_of(stream)}
    labels = {}
    for name, head in config.pipeline.heads.items():
        section = head.zero_shot
        named = [*section.unseen, *section.added.values()] if section else []
        labels[name] = LabelMap(dict(enumerate(dict.fromkeys(["first", "second", *named]))))
    return Blueprint(dict.fromkeys(inputs, 3), labels, dict.fromkeys(labels, "semantic"))
