"""What resuming takes over from a checkpoint if the configuration has changed since."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ....registry import PluxelError
from ...common.nested import nested_differences
from ...config._config import Config
from ...config._dump import to_plain
from ...model.blueprint import Blueprint

Effect = Literal["refused", "new optimizer", "averages", "scored again", "continues"]

RULES: tuple[tuple[str, Effect], ...] = (
    (r"classes\..*", "refused"),
    (r"streams\.[^.]+\.input", "refused"),
    (r"heads\.[^.]+\.target", "refused"),
    (r"training\.optimizer\.type", "new optimizer"),
    (r"training\.ema", "averages"),
    (r"training\.(monitor|mode)", "scored again"),
    (r"splits\.val|evaluation\.(background|metrics)", "scored again"),
    (r"(dataset|heads\.[^.]+\.(labels|loss|zero_shot))(\..*)?", "scored again"),
    (r".*", "continues"),
)
"""Pattern of whole keys -> what resuming does if a value differs; the first match counts.

refused: the weights would mean something else. new optimizer: the moments of another optimizer are
dropped. averages: they start from the weights of the checkpoint, or end. scored again: the kept
weights are evaluated again, so that the next ones are compared by the same measure. continues: the
new value holds from the next step. Moments belong to parameters by name; a parameter without any
starts with new ones.
"""

_LONGEST = 60


def settings_of(config: Config, blueprint: Blueprint) -> dict[str, Any]:
    """Return all values of a configuration and the classes of each head, as JSON values."""
    plain = to_plain(config.pipeline, absolute=True)
    del plain["pluxel"]
    spaces = blueprint.label_spaces()
    return plain | {"classes": {head: [*space.class_names] for head, space in spaces.items()}}


@dataclass(frozen=True)
class Changes:
    """Keys whose values differ -> the value of the checkpoint and the new one."""

    values: Mapping[str, tuple[Any, Any]]

    @classmethod
    def between(cls, before: Mapping[str, Any], now: Mapping[str, Any]) -> Changes:
        """Return the differences of two results of `settings_of`."""
        # Compare what JSON keeps: the checkpoint has read lists for tuples.
        found = nested_differences(before, json.loads(json.dumps(now)))
        return cls({".".join(path): values for path, values in found})

    def have(self, effect: Effect) -> bool:
        """Return whether a change has an effect."""
        return any(_effect(key) == effect for key in self.values)

    def check(self) -> None:
        """Raise PluxelError if a change is refused."""
        if refused := [key for key in self.values if _effect(key) == "refused"]:
            raise PluxelError(
                f"cannot resume: {self._describe(*refused)}; the weights of the checkpoint were "
                "trained with the former value",
                ["undo the change, or start a new run with init_from, which copies the weights"],
            )

    def __str__(self) -> str:
        return self._describe(*self.values)

    def _describe(self, *keys: str) -> str:
        pairs = ((key, *map(_short, self.values[key])) for key in keys)
        return ", ".join(f"{key} from {before} to {now}" for key, before, now in pairs)


def _effect(key: str) -> Effect:
    return next(effect for pattern, effect in RULES if re.fullmatch(pattern, key))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
