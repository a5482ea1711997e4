"""Class lists, ids, colors and splits of published datasets, from the files of this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ...core import LabelMap
from ...core.authoring import IGNORE, Color

_PACKAGE = __name__.rpartition(".")[0]


@cache
def facts(name: str) -> Mapping[str, Any]:
    """Return what ``NAME.json`` contains."""
    return json.loads(_text(f"{name}.json"))


def listed(name: str) -> list[str]:
    """Return the names that ``NAME.txt`` lists."""
    return _text(f"{name}.txt").split()


def _text(name: str) -> str:
    return (files(_PACKAGE) / name).read_text(encoding="utf-8")


def published_colors(name: str) -> dict[int, Color]:
    """Return raw id -> published color; several classes may have one color."""
    return {raw: (r, g, b) for raw, _, (r, g, b) in facts(name)["classes"]}


def published_labels(name: str) -> LabelMap:
    """Return the label map of ``NAME.json``: rows of raw id, class and color; and ignored ids.

    Of several classes with one published color, the first keeps it. The others get free colors, so
    that pictures tell them apart.
    """
    given = facts(name)
    ids = {raw: label for raw, label, _ in given["classes"]}
    first: dict[Color, str] = {}
    for raw, color in published_colors(name).items():
        first.setdefault(color, ids[raw])
    palette = {label: color for color, label in first.items()}
    return LabelMap(ids | dict.fromkeys(given["ignored"], IGNORE), palette)
