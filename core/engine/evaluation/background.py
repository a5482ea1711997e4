"""The classes that the mean IoU of the foreground leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from ....registry import PluxelError, did_you_mean
from ...config._config import Config
from ...contracts.labels import LabelSpace


def background_classes(
    config: Config, spaces: Mapping[str, LabelSpace]
) -> dict[str, tuple[int, ...]]:
    """Return the indices of the classes in ``evaluation.background`` that each head has.

    Raises: ConfigError for a name that no head has, and if a head has no other class.
    """
    names = config.pipeline.evaluation.background
    known = dict.fromkeys(name for space in spaces.values() for name in space.class_names)
    for index, name in enumerate(names):
        if name not in known:
            hint = did_you_mean(name, known) or f" Classes: {', '.join(known)}."
            with config.at("evaluation", "background", index):
                raise PluxelError(f"unknown class '{name}'.{hint}")
    for head, space in spaces.items():
        if {*space.class_names} <= {*names}:
            with config.at("evaluation", "background"):
                raise PluxelError(f"background lists every class of head '{head}'")
    return {
        head: tuple(i for i, name in enumerate(space.class_names) if name in names)
        for head, space in spaces.items()
    }
