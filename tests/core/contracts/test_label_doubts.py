"""Classes with almost one name, or with one color, are pointed out."""

from __future__ import annotations

import pytest
from pluxel.core.contracts.label_doubts import doubts
from pluxel.core.contracts.labels import LabelMap, LabelSpace

SO = "; if they are one class, give all of its ids one name in labels.map"
COLORS = "so pictures of predictions do not tell them apart; give each its own in labels.palette"


def of(*names: str, packed_rgb: bool = False, **palette: tuple[int, int, int]) -> LabelSpace:
    return LabelSpace(LabelMap(dict(enumerate(names)), palette, packed_rgb))


@pytest.mark.parametrize(
    ("names", "sentences"),
    [
        (["Road", "car", "road"], [f"classes 'Road' and 'road' differ only in case{SO}"]),
        (
            ["a", "B", "A", "b", "straße", "STRASSE"],
            [
                f"classes 'a' and 'A' differ only in case{SO}",
                f"classes 'B' and 'b' differ only in case{SO}",
                f"classes 'straße' and 'STRASSE' differ only in case{SO}",
            ],
        ),
        (["SKY", "Sky", "sky"], [f"classes 'SKY', 'Sky' and 'sky' differ only in case{SO}"]),
        (["É", "e\u0301"], [f"classes 'É' and 'e\u0301' differ only in case{SO}"]),
        (
            ["caf\u00e9", "cafe\u0301"],
            [
                "classes 'caf\u00e9' and 'cafe\u0301' differ only in the Unicode form of their "
                f"accents{SO}"
            ],
        ),
        (["road", "roads", "ignore", "Ignored"], []),
    ],
)
def test_names(names: list[str], sentences: list[str]) -> None:
    assert doubts({"semantic": of(*names)}) == sentences


@pytest.mark.parametrize("packed_rgb", [False, True])
def test_colors(packed_rgb: bool) -> None:
    red = (200, 0, 0)
    space = of("sky", "car", "bus", "tree", packed_rgb=packed_rgb, sky=red, bus=red)
    sentence = f"classes 'sky' and 'bus' have one color, #c80000, {COLORS}"
    assert doubts({"semantic": space}) == [sentence]
    assert doubts({"a": space, "b": of("x")}) == [f"head 'a': {sentence}"]


def test_the_color_of_the_background_counts() -> None:
    space = of("background", "car", car=(0, 0, 0))
    assert doubts({"semantic": space}) == [
        f"classes 'background' and 'car' have one color, #000000, {COLORS}"
    ]
