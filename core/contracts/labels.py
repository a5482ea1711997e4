"""One declarative map from raw label ids to classes, for losses, metrics, pictures and masks.

A dataset says what its raw ids mean (`LabelMap`); a configuration may change it (`LabelsConfig` of
`core.config`); `LabelSpace` is the result. Nothing is shifted or wrapped: an id is listed, or it is
an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from ...registry import PluxelError
from .colors import HEX, Color, hex_color, parse_color, unpack, voc_color

IGNORE = "ignore"
"""What a configuration writes for pixels that no loss and no metric may see; never a number."""

MAIN = "semantic"
"""The usual name of a label map."""


class LabelError(PluxelError):
    """Labels that the label map does not explain."""


@dataclass(frozen=True)
class LabelMap:
    """What the raw ids of a label map mean.

    ``ids``: raw id -> class name, or ``ignore``; classes are numbered by their first listing.
    ``palette``: class name -> (red, green, blue), 0–255; the others get one of their own.
    ``packed_rgb``: the raw ids are colors, ``red << 16 | green << 8 | blue``.
    """

    ids: Mapping[int, str]
    palette: Mapping[str, Color] = field(default_factory=dict)
    packed_rgb: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the map as JSON has it: string keys, lists."""
        return {
            "ids": {str(raw): name for raw, name in self.ids.items()},
            "palette": {name: list(color) for name, color in self.palette.items()},
            "packed_rgb": self.packed_rgb,
        }

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes, by their first listing."""
        return tuple(dict.fromkeys(name for name in self.ids.values() if name != IGNORE))

    def id_of(self, key: int | str) -> int:
        """Return the raw id that a key of a configuration stands for.

        Raises: LabelError for a color where ids are numbers.
        """
        if isinstance(key, str) and not self.packed_rgb:
            raise LabelError(f"the masks of this dataset hold ids, not colors: '{key}' is no id")
        return raw_id(key)

    def key_of(self, raw: int) -> int | str:
        """Return the key that a configuration has for a raw id: a color where masks hold them."""
        return hex_color(unpack(raw)) if self.packed_rgb else raw

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LabelMap:
        """Return the map that ``to_json`` wrote."""
        return cls(
            ids={int(raw): name for raw, name in data["ids"].items()},
            palette={name: parse_color(color) for name, color in data["palette"].items()},
            packed_rgb=data["packed_rgb"],
        )


def raw_id(key: int | str) -> int:
    """Return the raw id that a key of a label map stands for; a color is its packed value."""
    return key if isinstance(key, int) else int(key.removeprefix("#"), 16)


def _raw_id_key(key: object) -> object:
    if isinstance(key, str):
        if re.fullmatch(r"-?\d+", key):
            return int(key)
        if not HEX.match(key):
            raise ValueError(f"'{key}' is neither a label id nor a color '#rrggbb'")
    return key


RawId = Annotated[int | str, BeforeValidator(_raw_id_key)]
"""A key of a label map: an integer (JSON has only its digits), or ``#rrggbb``."""


def main_map(labels: Mapping[str, LabelMap]) -> str | None:
    """Return which label map is meant if none is named: the only one, or ``semantic``, or None."""
    return next(iter(labels)) if len(labels) == 1 else next((n for n in labels if n == MAIN), None)


class LabelSpace:
    """Raw ids to class indices and back. Serializable: ``LabelSpace(space.label_map)`` is equal.

    Classes are 0 … ``num_classes`` − 1; ignored pixels are ``ignore_index``: 255, or 65535 where
    there are more than 255 classes.
    """

    def __init__(self, label_map: LabelMap) -> None:
        self.label_map = label_map
        self.class_names = label_map.class_names
        if not 0 < len(self.class_names) < 65536:
            raise LabelError(
                f"a label map needs 1 to 65535 classes, this one has {len(self.class_names)}"
            )
        self.num_classes = len(self.class_names)
        self.ignore_index = 255 if self.num_classes <= 255 else 65535
        self.dtype = np.dtype(np.uint8 if self.ignore_index == 255 else np.uint16)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelSpace) or self.label_map != other.label_map:
            return False
        # Mappings are equal in any order; the order of the ids numbers the classes, and says which
        # id a class is written as.
        return list(self.label_map.ids) == list(other.label_map.ids)

    def __hash__(self) -> int:
        return hash(self.class_names)

    def __repr__(self) -> str:
        return f"LabelSpace({', '.join(self.class_names)})"

    @cached_property
    def palette(self) -> np.ndarray:
        """Return the colors, (C, 3) uint8; a class without one gets the next free VOC color."""
        given = self.label_map.palette
        taken = {given[name] for name in self.class_names if name in given}
        free = (c for c in map(voc_color, range(1, 1 << 24)) if c not in taken)
        colors = [
            given[name] if name in given else (0, 0, 0) if name == "background" else next(free)
            for name in self.class_names
        ]
        return np.array(colors, np.uint8)

    def encode(self, raw: np.ndarray, path: Path | str | None = None) -> np.ndarray:
        """Turn raw ids (H, W) into class indices (H, W), uint8 or uint16.

        Raises `LabelError`, which names ``path``, for an id that is not listed.
        """
        if raw.dtype in (np.uint8, np.bool_):
            classes, listed = self._dense
            classes, ok = classes[raw.view(np.uint8)], listed[raw.view(np.uint8)]
        elif raw.dtype.kind in "iu":
            sorted_ids, sorted_classes = self._sorted
            place = np.searchsorted(sorted_ids, raw).clip(max=len(sorted_ids) - 1)
            classes, ok = sorted_classes[place], sorted_ids[place] == raw
        else:
            raise LabelError(f"{path or 'labels'}: label ids are integers, not {raw.dtype}")
        if not ok.all():
            raise self._unlisted(raw, ok, path)
        return classes

    def decode(self, classes: np.ndarray) -> np.ndarray:
        """Turn class indices into raw ids: the first listed id of each class.

        uint8, uint16 or uint32, the smallest that holds every first listed id.
        """
        return self._inverse[classes]

    def colorize(self, classes: np.ndarray) -> np.ndarray:
        """Turn class indices (H, W) into colors (H, W, 3) uint8.

        Ignored pixels are black, unless the palette has a color for ``ignore``.
        """
        return self._colors[classes]

    @cached_property
    def _dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes and listedness of the raw ids 0–255, the usual masks."""
        ids, classes = self._sorted
        usual = (ids >= 0) & (ids < 256)
        table = np.full(256, self.ignore_index, self.dtype)
        table[ids[usual]] = classes[usual]
        listed = np.zeros(256, bool)
        listed[ids[usual]] = True
        return table, listed

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        index = {name: i for i, name in enumerate(self.class_names)} | {IGNORE: self.ignore_index}
        ids = np.array(sorted(self.label_map.ids), np.int64)
        return ids, np.array([index[self.label_map.ids[int(i)]] for i in ids], self.dtype)

    @cached_property
    def _inverse(self) -> np.ndarray:
        first: dict[str, int] = {}
        for raw, name in self.label_map.ids.items():
            if raw >= 0:  # an image file cannot hold a negative id
                first.setdefault(name, raw)
        largest = max(first.values(), default=0)
        highest = 255 if largest < 256 else 65535 if largest < 65536 else 0xFFFFFF
        # Perhaps no id means ignore: then one that means nothing does, 255 if it is free.
        spares = chain(range(highest, -1, -1), [highest + 1])
        unused = first.get(IGNORE, next(i for i in spares if i not in self.label_map.ids))
        ids = [first.get(name, unused) for name in self.class_names]
        table = np.full(self.ignore_index + 1, unused, np.min_scalar_type(max(*ids, unused)))
        table[: self.num_classes] = ids
        return table

    @cached_property
    def _colors(self) -> np.ndarray:
        table = np.zeros((self.ignore_index + 1, 3), np.uint8)
        table[:] = self.label_map.palette.get(IGNORE, (0, 0, 0))
        table[: self.num_classes] = self.palette
        return table

    def _unlisted(self, raw: np.ndarray, ok: np.ndarray, path: Path | str | None) -> LabelError:
        stray, first, counts = np.unique(raw[~ok], return_index=True, return_counts=True)
        rows, columns = np.nonzero(~ok)
        order = np.argsort(first)
        texts = [self.id_text(int(stray[k])) for k in order]
        where = f"row {rows[0]}, column {columns[0]}"
        several = f" (also {', '.join(texts[1:8])})" if len(texts) > 1 else ""
        fix = ", ".join(f"{text}: {IGNORE}" for text in texts[:8])
        return LabelError(
            f"{path or 'labels'}: label id {texts[0]} is not in the label map: first at {where}, "
            f"{counts[order[0]]} pixels in all{several}. Say what it is, for example "
            f"labels: {{map: {{{fix}}}}}"
        )

    def id_text(self, raw: int) -> str:
        """Return a raw id as a configuration spells it."""
        key = self.label_map.key_of(raw)
        return f'"{key}"' if isinstance(key, str) else str(key)
