"""Load a dataset, with its parameters, from a name or from the configuration of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...registry import Host
from ..contracts.kinds import Dataset
from ._load import Layers, load_config, validate, whole
from .sections.factory import Factory
from .sections.places import root_place
from .sections.section import Section
from .tree.nodes import Location, MapNode
from .tree.overrides import RANK, parse_overrides
from .tree.problems import Problems

_UNREAD = ("augment", "backbone", "decoder", "loss", "embedding")


class DatasetConfig(Section):
    """A dataset alone."""

    dataset: Factory[Dataset]
    """The dataset."""


def load_dataset(name: str, overrides: Sequence[str] = (), *, host: Host) -> Factory[Dataset]:
    """Return the factory of a dataset.

    ``name``: of a component, whose parameters are overrides (``root=VOC``), or a configuration,
    ``FILE.yaml``.

    Raises: ConfigError with all problems; PluxelError if there is no such file.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        return load_config(name, overrides, host=host, unread=_UNREAD).pipeline.dataset
    nothing, problems = MapNode({}, Location("override", rank=RANK)), Problems()
    file, place = Layers(Path(), nothing, problems), root_place(host)
    given = [f"dataset={name}", *overrides]
    layer = parse_overrides(given, file.tree, place, problems, _long_path)
    tree = whole(file.tree, layer, place, problems)
    config = validate(tree, DatasetConfig, host, problems)
    problems.stop_if_any()
    assert config is not None
    return config.dataset


def _long_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the full path of an override: keys belong to the dataset."""
    return path if path[0] == "dataset" else ("dataset", *path)
