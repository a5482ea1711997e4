"""Load a dataset, with its parameters, from a name or from the configuration of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...registry import Host, PluxelError
from ..contracts.kinds import Dataset
from ._load import Layers, load_config, validate, whole
from .sections.factory import Factory
from .sections.places import root_place
from .sections.section import Section
from .tree.files import find_file
from .tree.nodes import Location, MapNode
from .tree.overrides import RANK, parse_overrides
from .tree.problems import Problems

_UNREAD = (
    *("augment", "backbone", "decoder", "loss", "embedding"),
    *("metric", "metrics", "tracker", "trackers"),
)


class DatasetConfig(Section):
    """A dataset alone."""

    dataset: Factory[Dataset]
    """The dataset."""


class LoadedDataset(NamedTuple):
    """The factory of a dataset, and the splits that its configuration uses, if it has one."""

    make: Factory[Dataset]
    splits: tuple[str, ...] = ()


def load_dataset(name: str, overrides: Sequence[str] = (), *, host: Host) -> LoadedDataset:
    """Return a dataset that is not opened yet.

    ``name``: of a component, whose parameters are overrides (``root=VOC``), or else of a
    configuration, as for `load_config`.

    Raises: ConfigError with all problems; PluxelError if there is no such file.
    """
    if not host.owners("dataset", name) and _is_configuration(name):
        pipeline = load_config(name, overrides, host=host, unread=_UNREAD).pipeline
        return LoadedDataset(pipeline.dataset, tuple(dict.fromkeys(pipeline.splits.values())))
    nothing, problems = MapNode({}, Location("override", rank=RANK)), Problems()
    file, place = Layers(Path(), nothing, problems), root_place(host)
    given = [f"dataset={name}", *overrides]
    layer = parse_overrides(given, file.tree, place, problems, _long_path)
    tree = whole(file.tree, layer, place, problems)
    config = validate(tree, DatasetConfig, host, problems)
    problems.stop_if_any()
    assert config is not None
    return LoadedDataset(config.dataset)


def _is_configuration(name: str) -> bool:
    """Return whether a name that is not that of a dataset means a configuration."""
    if Path(name).suffix in (".yaml", ".yml"):  # perhaps one that does not exist
        return True
    try:
        find_file(name, Path())
    except PluxelError:
        return False
    return True


def _long_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the full path of an override: keys belong to the dataset."""
    return path if path[0] == "dataset" else ("dataset", *path)
