"""A blueprint for a configuration whose data are missing: what is known of them without files."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from ..config._config import Config
from ..config.sections.labels import declared_labels
from ..contracts.labels import LabelMap
from .blueprint import Blueprint, make_blueprint


def stand_in(config: Config) -> Blueprint:
    """Return the blueprint that the dataset's class declares, or else a placeholder.

    A placeholder has three channels per input; per head, two classes and those it names.

    Raises: ConfigError if a head asks for something that the declared labels do not have.
    """
    return declared_blueprint(config) or _placeholder(config)


def declared_blueprint(config: Config) -> Blueprint | None:
    """Return the blueprint if the dataset's class declares its labels, without its files.

    Inputs that it does not declare have three channels. None if classes depend on files, or on
    word vectors.

    Raises: ConfigError, as `make_blueprint` does.
    """
    target = config.pipeline.dataset.target
    labels = declared_labels(target, config.pipeline.dataset.params)
    if not labels or any(head.labels.align for head in config.pipeline.heads.values()):
        return None
    declared = getattr(target, "inputs", None)
    inputs: Mapping[str, Any] = declared if isinstance(declared, Mapping) else {}
    channels = {name: spec.rules.channels for name, spec in inputs.items()}
    channels = dict.fromkeys(_names(config), 3) | channels
    dataset: Any = SimpleNamespace(labels=labels, channels=channels, inputs=inputs)
    return make_blueprint(config, dataset)


def _names(config: Config) -> list[str]:
    """Return the names of all inputs that streams read, in order."""
    streams = config.pipeline.streams.values()
    return [*dict.fromkeys(name for stream in streams for name in stream.inputs)]


def _placeholder(config: Config) -> Blueprint:
    labels = {}
    for name, head in config.pipeline.heads.items():
        section = head.zero_shot
        named = [*section.unseen, *section.added.values()] if section else []
        labels[name] = LabelMap(dict(enumerate(dict.fromkeys(["first", "second", *named]))))
    return Blueprint(dict.fromkeys(_names(config), 3), labels, dict.fromkeys(labels, "semantic"))
