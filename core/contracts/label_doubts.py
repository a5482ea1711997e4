"""What is probably a mistake in label maps, but may be intended."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from .colors import Color, hex_color
from .labels import LabelSpace


def doubts(spaces: Mapping[str, LabelSpace]) -> list[str]:
    """Return a sentence for each group of classes of a head with almost one name, or one color."""
    return [
        f"head '{head}': {sentence}" if len(spaces) > 1 else sentence
        for head, space in spaces.items()
        for sentence in (*_of_names(space), *_of_colors(space))
    ]


def _of_names(space: LabelSpace) -> Iterator[str]:
    for names in _alike(space.class_names, _folded):
        composed = {unicodedata.normalize("NFC", name) for name in names}
        what = "case" if len(composed) > 1 else "the Unicode form of their accents"
        yield (
            f"classes {_listed(names)} differ only in {what}; if they are one class, give all of "
            "its ids one name in labels.map"
        )


def _of_colors(space: LabelSpace) -> Iterator[str]:
    colors: dict[str, Color] = dict(
        zip(space.class_names, map(tuple, space.palette.tolist()), strict=True)
    )
    for names in _alike(space.class_names, colors.__getitem__):
        yield (
            f"classes {_listed(names)} have one color, {hex_color(colors[names[0]])}, so pictures "
            "of predictions do not tell them apart; give each its own in labels.palette"
        )


def _alike(names: Sequence[str], key: Callable[[str], object]) -> list[list[str]]:
    """Return the groups of several names with the same key, in the order of the names."""
    groups: dict[object, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _listed(names: Sequence[str]) -> str:
    *first, last = (f"'{name}'" for name in names)
    return f"{', '.join(first)} and {last}"
