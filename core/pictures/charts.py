"""Charts on matplotlib's axes: curves and confusion matrices.

Each function draws on the axes that it gets, or on those of a new figure, and returns them, as the
displays of scikit-learn do. No figure is known to ``pyplot``; ``axes.figure.savefig(file)`` saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...registry import PluxelError
from ..common.text import plural
from ..contracts.colors import hex_color
from .legend import LegendEntry
from .text import class_labels, font_file, readable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Normalized = Literal["truth", "prediction", "counts"]
"""What the cells of a confusion matrix are shares of, or ``counts`` of pixels."""

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps, and a value for each."""

MOST_CURVES = 12
"""Curves in one chart; more could not be distinguished."""

_WRITTEN = 20
"""Classes up to which the cells of a confusion matrix contain their numbers."""

_TICK_LENGTH = 20
"""Letters of the name of a class beside an axis."""

_BAR_TITLES = {"truth": "share of the true class", "prediction": "share of the predicted class"}


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw as matplotlib does by default, whatever the user's settings are."""
    from matplotlib import style  # noqa: PLC0415 - only when something is drawn

    with style.context("default"):
        yield


def new_axes(width: float = 6.4, height: float = 4.8) -> Axes:
    """Return the axes of a new figure; sizes in inches of 100 pixels."""
    return new_figure(width, height).add_subplot()


def new_figure(width: float, height: float, *, measured: bool = True) -> Figure:
    """Return a figure that `picture_of` and its own ``savefig`` draw without a display.

    ``measured``: fit the margins to the texts, which takes as long as drawing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    layout = "constrained" if measured else None
    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def figure_of(axes: Axes) -> Figure:
    """Return the figure of axes, also of those in a subfigure."""
    return axes.figure.figure  # matplotlib 3.8 has no get_figure(root=True)


def picture_of(figure: Figure) -> np.ndarray:
    """Return a figure as a picture (H, W, 3) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def draw_curves(
    curves: Mapping[str, Curve], rate: Curve | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw scalars over steps, and the learning rate in gray on an axis of its own.

    Values that are not finite leave a gap. Only the first `MOST_CURVES` are drawn.
    """
    ax = ax or new_axes()
    lines = []
    for name, (steps, values) in list(curves.items())[:MOST_CURVES]:
        known = [value if value is not None else np.nan for value in values]
        marker = "o" if len(steps) < 30 else ""
        lines += ax.plot(steps, known, marker=marker, markersize=3, label=readable(shortened(name)))
    ax.set_xlabel("step")
    ax.grid(alpha=0.3)
    if rate is not None and len(rate[0]):
        beside: Any = ax.twinx()
        lines += beside.plot(*rate, color="0.6", linestyle="--", linewidth=1, label="learning rate")
        beside.set_ylabel("learning rate", color="0.4")
        beside.set_ylim(bottom=0)
        beside.ticklabel_format(axis="y", scilimits=(-2, 3))
    if lines:
        _add_legend(ax, lines)
    return ax


def draw_confusion(
    counts: np.ndarray,
    class_names: Sequence[str],
    normalize: Normalized = "truth",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix (C, C) of pixel counts; rows are the truth, columns the prediction.

    ``normalize``: ``truth`` makes each row add up to 1, ``prediction`` each column; ``counts``
    shows pixels on a logarithmic scale. Rows or columns without a pixel are gray.

    Raises: PluxelError if the names do not fit the matrix, or for another ``normalize``.
    """
    count = len(class_names)
    if counts.shape != (count, count):
        raise PluxelError(
            f"a confusion matrix of shape {counts.shape} does not fit {plural(count, 'class name')}"
        )
    shares = _shares(counts, normalize)
    ax = ax or new_axes(*_confusion_size(count))
    from matplotlib import colormaps, colors  # noqa: PLC0415 - only when something is drawn

    is_counts = normalize == "counts"
    # Many classes have no numbers: the square root makes small shares visible.
    power = 1 if count <= _WRITTEN else 0.5
    share_scale = colors.PowerNorm(power, 0, 1)
    scale = colors.LogNorm(1, max(2, counts.max(initial=0))) if is_counts else share_scale
    palette = colormaps["Blues"].with_extremes(bad="white" if is_counts else "0.9")
    image = ax.imshow(shares, norm=scale, cmap=palette, interpolation="nearest")
    figure: Any = ax.figure
    label = _BAR_TITLES.get(normalize, "pixels")
    figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, label=label)
    _name_ticks(ax, class_names, "x", rotation=90)
    _name_ticks(ax, class_names, "y")
    ax.set(xlabel="prediction", ylabel="truth")
    if count <= _WRITTEN:
        for (row, column), value in np.ndenumerate(shares):
            if np.isfinite(value):
                color = "white" if scale(value) > 0.6 else "black"
                text = _compact(value) if is_counts else _percent(value)
                cell = ax.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
                cell.set_in_layout(False)  # measuring each cell would take most of the time
    return ax


def show_picture(
    picture: np.ndarray, entries: Sequence[LegendEntry] = (), *, ax: Axes | None = None
) -> Axes:
    """Draw a picture (H, W, 3) uint8 without ticks, and a legend beside it."""
    from matplotlib.patches import Patch  # noqa: PLC0415 - only when something is drawn

    height, width = picture.shape[:2]
    ax = ax or new_axes(8, min(12.0, max(2.0, 6 * height / width)))
    ax.imshow(picture, interpolation="nearest")
    ax.set_axis_off()
    if entries:
        handles = [
            Patch(facecolor="0.8", hatch="////", edgecolor="0.4", label=name)
            if color is None
            else Patch(facecolor=hex_color(color), edgecolor="0.6", label=name)
            for name, color in entries
        ]
        _add_legend(ax, handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return ax


def _add_legend(ax: Axes, handles: Sequence[Any], **style: Any) -> None:
    """Add a legend whose names are plain text."""
    names = [str(handle.get_label()) for handle in handles]
    for text, name in zip(
        ax.legend(handles, names, fontsize="small", **style).get_texts(), names, strict=True
    ):
        text.set_parse_math(False)
        text.set_fontfamily(_family(name))


def _shares(counts: np.ndarray, normalize: Normalized) -> np.ndarray:
    """Return shares, or counts, as float64; NaN where a row or column has no pixel."""
    if normalize not in ("truth", "prediction", "counts"):
        raise PluxelError(f"normalize must be truth, prediction or counts, not {normalize!r}")
    numbers = counts.astype(np.float64)
    if normalize == "counts":
        return numbers
    total = numbers.sum(axis=1 if normalize == "truth" else 0, keepdims=True)
    return np.divide(numbers, total, out=np.full(numbers.shape, np.nan), where=total > 0)


def _confusion_size(count: int) -> tuple[float, float]:
    """Return (width, height) in inches, so that every class has its tick."""
    side = min(20.0, max(3.0, 0.36 * count if count <= _WRITTEN else 2 + 0.12 * count))
    return side + 3, side + 2


def _name_ticks(
    ax: Axes, class_names: Sequence[str], axis: Literal["x", "y"], **style: Any
) -> None:
    """Write the name of each class at its place."""
    count = len(class_names)
    labels = class_labels(class_names, _TICK_LENGTH)
    one = ax.xaxis if axis == "x" else ax.yaxis
    one.set_ticks(range(count), labels, fontsize=_tick_size(count), parse_math=False, **style)
    for text, label in zip(one.get_ticklabels(), labels, strict=True):
        text.set_fontfamily(_family(label))


def _family(label: str) -> str:
    """Return the family of the font that has the letters of a label."""
    from matplotlib.font_manager import fontManager, get_font  # noqa: PLC0415

    file = font_file(label)
    name = get_font(str(file)).family_name
    if all(entry.name != name for entry in fontManager.ttflist):
        fontManager.addfont(file)
    return name


def _tick_size(count: int) -> float:
    return 8 if count <= 40 else 6


def _percent(value: float) -> str:
    return "0" if value == 0 else "<1" if value < 0.005 else f"{100 * value:.0f}"


def _compact(value: float) -> str:
    """Return a count in at most four letters: 999, 1.2k, 35M."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit * 0.9995:
            scaled = value / limit
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{value:.0f}"
