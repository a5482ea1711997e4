"""Charts show the right values: ticks, cells, lines and colors, also with difficult names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from pluxel.core.pictures.charts import (
    MOST_CURVES,
    draw_confusion,
    draw_curves,
    picture_of,
    plain_style,
)
from pluxel.registry import PluxelError

COUNTS = np.array([[6, 2, 0], [0, 0, 0], [1, 0, 1500]])
NAMES = ["road", "never", "$c$"]
HARD = [
    "x" * 300,
    "😀",
    "天空",
    "<script>alert('\"')</script>",
    "$\\frac{$",
    "_hidden",
    "\n",
    "👩‍🚀",
]


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def shown(normalize: str) -> np.ma.MaskedArray:
    (image,) = draw_confusion(COUNTS, NAMES, normalize).get_images()  # pyright: ignore[reportArgumentType]
    assert isinstance(image, AxesImage)
    return np.ma.masked_invalid(image.get_array())


def test_cells_are_shares_of_the_truth_of_the_prediction_or_counts() -> None:
    truth, prediction = shown("truth"), shown("prediction")
    assert truth[0].tolist() == [0.75, 0.25, 0]
    assert truth.mask[1].all()  # no pixel of this class
    assert truth[2].tolist() == [1 / 1501, 0, 1500 / 1501]
    assert prediction[:, 0].tolist() == [6 / 7, 0, 1 / 7]
    assert prediction[:, 2].tolist() == [0, 0, 1]
    assert shown("counts").data.tolist() == COUNTS.tolist()


@pytest.mark.parametrize(
    ("normalize", "texts"),
    [
        ("truth", ["75", "25", "0", "<1", "0", "100"]),
        ("prediction", ["86", "100", "0", "0", "0", "0", "14", "0", "100"]),
        ("counts", ["6", "2", "0", "0", "0", "0", "1", "0", "1.5k"]),
    ],
)
def test_few_classes_have_numbers_and_names(normalize, texts) -> None:
    axes = draw_confusion(COUNTS, NAMES, normalize)
    assert [text.get_text() for text in axes.texts] == texts
    for axis in (axes.xaxis, axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == NAMES
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("truth", "prediction")


def test_each_of_150_classes_has_its_tick_in_a_picture_of_bounded_size() -> None:
    names = [f"class {i}" for i in range(150)]
    axes = draw_confusion(np.eye(150, dtype=np.int64), names)
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert not axes.texts
    picture = picture_of(axes.figure)
    assert picture.shape == (2200, 2300, 3)
    heights = [label.get_window_extent().height for label in axes.get_yticklabels()]
    places = [label.get_window_extent().y0 for label in axes.get_yticklabels()]
    assert max(heights) <= abs(places[0] - places[1]) + 2  # they hardly overlap
    assert min(heights) >= 6


def test_difficult_names_break_no_chart() -> None:
    count = len(HARD)
    axes = draw_confusion(np.eye(count, dtype=np.int64), HARD)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "x" * 19 + "…"
    assert labels[1] == "😀"
    assert labels[2:6] == ["2 □□", "<script>alert('\"')<…", "$\\frac{$", "_hidden"]
    assert labels[6:] == ["6", "7 □□"]
    assert picture_of(axes.figure).shape[2] == 3
    picture_of(draw_curves({name: ([1, 2], [0, 1]) for name in HARD}).figure)


def test_a_user_style_does_not_change_our_files() -> None:
    with plain_style():
        usual = picture_of(draw_confusion(COUNTS, NAMES).figure)
    with mpl.rc_context({"axes.facecolor": "red", "text.usetex": True, "font.size": 40}):
        with plain_style():
            drawn = picture_of(draw_confusion(COUNTS, NAMES).figure)
        assert np.array_equal(drawn, usual)


def test_axes_go_in_and_come_out() -> None:
    ours = Figure().subplots(2)
    assert draw_confusion(COUNTS, NAMES, ax=ours[0]) is ours[0]
    assert draw_curves({"val/loss": ([1], [2])}, ax=ours[1]) is ours[1]


def test_curves_leave_a_gap_and_the_rate_has_its_own_axis() -> None:
    axes = draw_curves(
        {"train/loss": ([1, 2, 3], [3, None, 1]), "val/loss": ([3], [2])},  # pyright: ignore[reportArgumentType]
        ([1, 3], [1e-3, 0]),
    )
    first, second = axes.get_lines()
    assert np.array_equal(np.asarray(first.get_ydata(), float), [3, np.nan, 1], equal_nan=True)
    assert first.get_xdata().tolist() == [1, 2, 3]
    assert second.get_xdata().tolist() == [3]
    (_, beside) = axes.figure.axes
    assert beside.get_ylabel() == "learning rate"
    assert beside.get_lines()[0].get_ydata().tolist() == [1e-3, 0]
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["train/loss", "val/loss", "learning rate"]


def test_curves_are_bounded() -> None:
    many = {f"val/{i}": ([1, 2], [0, i]) for i in range(40)}
    assert len(draw_curves(many).get_lines()) == MOST_CURVES
    assert draw_curves({}).get_lines().__len__() == 0


@pytest.mark.parametrize(
    ("names", "normalize", "message"),
    [
        (["a"], "truth", r"a confusion matrix of shape \(3, 3\) does not fit 1 class name"),
        (NAMES, "true", "normalize must be truth, prediction or counts, not 'true'"),
    ],
)
def test_wrong_arguments_raise(names, normalize, message: str) -> None:
    with pytest.raises(PluxelError, match=message):
        draw_confusion(COUNTS, names, normalize)
