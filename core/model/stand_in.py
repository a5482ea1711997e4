"""The blueprint of a configuration whose data may not be there."""

from __future__ import annotations

from ..config._config import Config
from ..config.tree.problems import Problem
from ..contracts.kinds import Dataset
from ..contracts.labels import LabelMap
from ..data.splits import MissingData, open_split
from .blueprint import Blueprint, inputs_of, make_blueprint


def blueprint_or_stand_in(config: Config, dataset: Dataset | None) -> Blueprint:
    """Return the blueprint of a dataset, or of a stand-in for one that is not there."""
    return _stand_in(config) if dataset is None else make_blueprint(config, dataset)


def look_at_data(config: Config) -> tuple[Dataset | None, str | None]:
    """Return the first split that is there, and what is to be said of the first that is not.

    Raises: ConfigError at ``dataset`` for what is wrong, rather than on another machine.
    """
    found: list[Dataset] = []
    missing: list[Problem] = []
    for split in dict.fromkeys(config.pipeline.splits.values()):
        with config.at("dataset"):
            try:
                found.append(open_split(lambda name: config.pipeline.dataset(split=name), split))
            except MissingData as error:
                place = config.locate(("dataset",))
                missing.append(Problem(place, error.message, error.notes))
    return next(iter(found), None), str(missing[0]) if missing else None


def _stand_in(config: Config) -> Blueprint:
    """Return a blueprint of three channels an input, and two classes a head and those it names."""
    inputs = {name for stream in config.pipeline.streams.values() for name in inputs_of(stream)}
    labels = {}
    for name, head in config.pipeline.heads.items():
        section = head.zero_shot
        named = [*section.unseen, *section.added.values()] if section else []
        labels[name] = LabelMap(dict(enumerate(dict.fromkeys(["first", "second", *named]))))
    return Blueprint(dict.fromkeys(inputs, 3), labels, dict.fromkeys(labels, "semantic"))
