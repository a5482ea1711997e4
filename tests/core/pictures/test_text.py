"""Names in pictures are short, readable and different, whatever the classes are called."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from pluxel.core.pictures import text
from pluxel.core.pictures.text import class_labels, font_file, readable, shortened, text_picture


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("road", "road"),
        ("x" * 300, "x" * 27 + "…"),
        ("traffic\n\tlight", "traffic light"),
        ("zero\u200bwidth\x07bell\u202e", "zerowidthbell"),
        ("<script>alert('\"')</script>", "<script>alert('\"')</script>"),
        ("$a_b$", "$a_b$"),
    ],
)
def test_names_are_one_short_line(name: str, label: str) -> None:
    assert shortened(name) == label
    assert class_labels([name]) == [label]


def test_names_that_look_alike_get_the_number_of_their_class() -> None:
    names = ["road", "x" * 29, "x" * 30, "天空", "", "a  b", "a b"]
    cut = "x" * 27 + "…"
    assert class_labels(names) == ["road", f"1 {cut}", f"2 {cut}", "3 □□", "4", "5 a b", "6 a b"]
    assert len(set(class_labels(["y" * 50] * 150))) == 150


def test_another_font_is_used_if_it_has_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = "\ue0ae"  # for private use; of the families that come with matplotlib, one has it
    assert readable(letter) == "□"
    monkeypatch.setattr(text, "_OTHER_FONTS", ("not installed", "STIXNonUnicode"))
    fonts = Path(mpl.get_data_path(), "fonts", "ttf")
    assert font_file(letter).name == "STIXNonUni.ttf"
    assert readable(letter) == letter
    assert font_file("road") == fonts / "DejaVuSans.ttf"


def test_text_is_dark_on_white_and_within_its_width() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = text_picture("天空 😀 <b>")
    assert whole.dtype == np.uint8
    assert (whole[0, 0] == 255).all()
    assert whole.min() < 80
    narrow = text_picture("a long line of text", width=40)
    assert narrow.shape[1] <= 40
    assert narrow.shape[0] == whole.shape[0]
    assert not np.array_equal(narrow[:, :20], text_picture("b")[:, :20])
    assert text_picture("", width=1).shape[1] == 1
