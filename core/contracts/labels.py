"""One declarative map from raw label ids to classes, for losses, metrics, pictures and masks.

A dataset declares the meaning of its raw ids (`LabelMap`), a configuration may change it
(`LabelsConfig` of `core.config`), and `LabelSpace` is the result. Ids are never shifted or wrapped:
an id that is not listed is an error.
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
from pydantic import BeforeValidator, Field

from ...registry import PluxelError
from ..common.text import plural
from .colors import COLOR, HEX, Color, free_colors, hex_color, parse_color, unpack

IGNORE = "ignore"
"""The name, in a configuration, of pixels that all losses and metrics ignore."""

MAIN = "semantic"
"""The usual name of a label map."""


class LabelError(PluxelError):
    """Labels that do not fit the label map."""


@dataclass(frozen=True)
class LabelMap:
    """The meaning of raw label ids.

    ``ids``: raw id -> class name, or ``ignore``; classes are numbered by first occurrence.
    ``palette``: class name -> (red, green, blue), 0–255; other classes get free VOC colors.
    ``packed_rgb``: whether raw ids are colors, ``red << 16 | green << 8 | blue``.
    """

    ids: Mapping[int, str]
    palette: Mapping[str, Color] = field(default_factory=dict)
    packed_rgb: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values: string keys, and lists."""
        return {
            "ids": {str(raw): name for raw, name in self.ids.items()},
            "palette": {name: list(color) for name, color in self.palette.items()},
            "packed_rgb": self.packed_rgb,
        }

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes in the order of their first occurrence."""
        return tuple(dict.fromkeys(name for name in self.ids.values() if name != IGNORE))

    def id_of(self, key: int | str) -> int:
        """Return the raw id for a key in a configuration.

        Raises: LabelError for a color if the masks hold ids.
        """
        if isinstance(key, str) and not self.packed_rgb:
            raise LabelError(f"'{key}' is not a label id: the masks of this dataset hold ids")
        return raw_id(key)

    def key_of(self, raw: int) -> int | str:
        """Return the key for a raw id in a configuration: a color if the masks hold colors."""
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
    """Return the raw id for a key of a label map; the id of a color is its packed value."""
    return key if isinstance(key, int) else int(key.removeprefix("#"), 16)


def _raw_id_key(key: object) -> object:
    if isinstance(key, str):
        if re.fullmatch(r"-?\d+", key):
            return int(key)
        if not HEX.match(key):
            raise ValueError(f"'{key}' is neither a label id nor a color such as '#rrggbb'")
    return key


_Key = Annotated[str, Field(pattern=rf"^(-?[0-9]+|{COLOR})$")]
RawId = Annotated[int | str, BeforeValidator(_raw_id_key, json_schema_input_type=_Key)]
"""A key of a label map: an integer (a string of digits in JSON), or ``#rrggbb``."""


def _check_unique(value: object) -> object:
    """Raise ValueError if two keys are the same raw id, of which one would replace the other."""
    first: dict[str, object] = {}
    for key in value if isinstance(value, Mapping) else ():
        text = str(key)
        same = str(int(text)) if re.fullmatch(r"-?\d+", text) else text.lower()
        if same in first:
            raise ValueError(f"'{first[same]}' and '{key}' are the same raw id: keep one of them")
        first[same] = key
    return value


UniqueIds = BeforeValidator(_check_unique)
"""Validator of a mapping with keys `RawId`."""

RawIds = Annotated[dict[RawId, str], UniqueIds]
"""Raw id -> class name."""


def main_map(labels: Mapping[str, LabelMap]) -> str | None:
    """Return the default label map: the only one, else ``semantic``, else None."""
    return next(iter(labels)) if len(labels) == 1 else next((n for n in labels if n == MAIN), None)


_FEW = 8
"""Maximum number of ids that may only be missing in a label map."""

_LARGEST, _LARGEST_SHORT = 2**32 - 1, 2**16 - 1


def _is_storable(raw: int) -> bool:
    """Return whether an image file can contain a raw id."""
    return 0 <= raw <= _LARGEST


class LabelSpace:
    """Convert raw ids to class indices and back. ``LabelSpace(space.label_map)`` equals ``space``.

    Class indices are 0 … ``num_classes`` − 1; ignored pixels have ``ignore_index``: 255, or 65535
    for more than 255 classes.
    """

    def __init__(self, label_map: LabelMap) -> None:
        self.label_map = label_map
        self.class_names = label_map.class_names
        if not self.class_names:
            raise LabelError(
                "a label map needs 1 to 65535 classes, but this one has 0: map at least one id to "
                f"the name of a class, not to '{IGNORE}'"
            )
        if len(self.class_names) > 65535:
            raise LabelError(
                "a label map needs 1 to 65535 classes, but this one has "
                f"{len(self.class_names):,}: map several ids to the same class, or to '{IGNORE}'"
            )
        stored = {name for raw, name in label_map.ids.items() if _is_storable(raw)} | {IGNORE}
        for raw, name in label_map.ids.items():
            if name not in stored:
                raise LabelError(
                    f"class '{name}' has no id from 0 to {_LARGEST}, only {raw}: predictions could "
                    "not be saved; give it such an id"
                )
        self.num_classes = len(self.class_names)
        self.ignore_index = 255 if self.num_classes <= 255 else 65535
        self.dtype = np.dtype(np.uint8 if self.ignore_index == 255 else np.uint16)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelSpace) or self.label_map != other.label_map:
            return False
        # Mappings are equal in any order, but the order of the ids numbers the classes and selects
        # the id that each class is written as.
        return list(self.label_map.ids) == list(other.label_map.ids)

    def __hash__(self) -> int:
        return hash(self.class_names)

    def __repr__(self) -> str:
        return f"LabelSpace({', '.join(self.class_names)})"

    @cached_property
    def palette(self) -> np.ndarray:
        """Return the colors, (C, 3) uint8; classes without one get `free_colors`."""
        given = self.label_map.palette
        free = free_colors({given[name] for name in self.class_names if name in given})
        colors = [
            given[name] if name in given else (0, 0, 0) if name == "background" else next(free)
            for name in self.class_names
        ]
        return np.array(colors, np.uint8)

    def encode(self, raw: np.ndarray, path: Path | str | None = None) -> np.ndarray:
        """Convert raw ids (H, W) to class indices (H, W), uint8 or uint16.

        Masked pixels (`numpy.ma`) whose id is not listed are ignored.

        Raises: LabelError, which names ``path``, for an id that is not listed.
        """
        masked = np.ma.getmask(raw)
        raw = np.asarray(raw)
        if raw.dtype in (np.uint8, np.uint16, np.bool_):
            table, listed = self._dense
            # Every id is within the table; with "wrap", NumPy need not check that, which makes it
            # several times as fast as an index.
            classes = table.take(raw, mode="wrap")
            has_spare = self.num_classes < self.ignore_index
            ok = classes != self.num_classes if has_spare else listed.take(raw, mode="wrap")
        elif raw.dtype.kind in "iu":
            sorted_ids, sorted_classes = self._sorted
            place = np.searchsorted(sorted_ids, raw).clip(max=len(sorted_ids) - 1)
            classes, ok = sorted_classes[place], sorted_ids[place] == raw
        else:
            raise LabelError(f"{path or 'labels'}: label ids must be integers, not {raw.dtype}")
        if masked is not np.ma.nomask:
            classes = np.where(masked & ~ok, classes.dtype.type(self.ignore_index), classes)
            ok = ok | masked
        if not ok.all():
            raise self._unlisted(raw, ok, path)
        return classes

    @property
    def raw_dtype(self) -> np.dtype:
        """The type that ``decode`` returns: the smallest unsigned one that holds its ids."""
        return self._inverse.dtype

    def decode(self, classes: np.ndarray) -> np.ndarray:
        """Convert class indices to raw ids, of ``raw_dtype``: the first listed id of each class."""
        return self._inverse[classes]

    def colorize(self, classes: np.ndarray) -> np.ndarray:
        """Convert class indices (H, W) to colors (H, W, 3) uint8.

        Ignored pixels are black, unless the palette has a color for ``ignore``.
        """
        return self._colors[classes]

    @cached_property
    def _dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Look-up tables for raw ids 0–65535: class indices, and whether each id is listed.

        Ids that are not listed have the index ``num_classes``.
        """
        ids, classes = self._sorted
        is_short = (ids >= 0) & (ids <= _LARGEST_SHORT)
        table = np.full(_LARGEST_SHORT + 1, self.num_classes, self.dtype)
        table[ids[is_short]] = classes[is_short]
        listed = np.zeros(_LARGEST_SHORT + 1, bool)
        listed[ids[is_short]] = True
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
            if _is_storable(raw):
                first.setdefault(name, raw)
        largest = max(first.values(), default=0)
        highest = 255 if largest < 256 else 65535 if largest < 65536 else 0xFFFFFF
        # If no id means ignore, use one that is not listed, preferably 255.
        spares = chain(range(highest, -1, -1), [highest + 1])
        unused = first.get(IGNORE, next(i for i in spares if i not in self.label_map.ids))
        ids = [first.get(name, unused) for name in self.class_names]
        table = np.full(self.ignore_index + 1, unused, np.min_scalar_type(max(*ids, unused)))
        table[: self.num_classes] = ids
        return table

    @cached_property
    def _colors(self) -> np.ndarray:
        ignored = self.label_map.palette.get(IGNORE, (0, 0, 0))
        table = np.full((self.ignore_index + 1, 3), ignored, np.uint8)
        table[: self.num_classes] = self.palette
        return table

    def _unlisted(self, raw: np.ndarray, ok: np.ndarray, path: Path | str | None) -> LabelError:
        stray, first, counts = np.unique(raw[~ok], return_index=True, return_counts=True)
        rows, columns = np.nonzero(~ok)
        order = np.argsort(first)
        texts = [self.id_text(int(stray[k])) for k in order]
        where = f"row {rows[0]}, column {columns[0]}"
        several = f" (also {', '.join(texts[1:_FEW])})" if len(texts) > 1 else ""
        fix = ", ".join(f"{text}: {IGNORE}" for text in texts[:_FEW])
        text = (
            f"{path or 'labels'}: label id {texts[0]} is not in the label map: first at {where}, "
            f"{plural(int(counts[order[0]]), 'pixel')} in total{several}. "
        )
        if len(texts) > _FEW:
            return LabelError(
                f"{text}{len(texts)} ids are not: is this an image, or a mask of another dataset? "
                "Are the folders of images and masks swapped?"
            )
        return LabelError(f"{text}Add it to the label map, for example labels: {{map: {{{fix}}}}}")

    def id_text(self, raw: int) -> str:
        """Return a raw id as it is written in a configuration."""
        key = self.label_map.key_of(raw)
        return f'"{key}"' if isinstance(key, str) else str(key)
