"""Curves of a training from the lines of ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pictures.charts import Curve, draw_curves, new_figure, picture_of, plain_style
from .titles import losses, overall, scalar_titles

if TYPE_CHECKING:
    from ..pictures.charts import Axes

LogRecords = Sequence[Mapping[str, Any]]
"""The lines of ``metrics.jsonl``, in order."""

_NOT_SCALARS = {"step", "phase", "seconds"}


def scalar_names(records: LogRecords) -> list[str]:
    """Return the names of all scalars, in order of their first occurrence."""
    names = dict.fromkeys(name for record in records for name in record)
    return [name for name in names if name not in _NOT_SCALARS]


def curve(records: LogRecords, name: str) -> Curve:
    """Return the steps at which a scalar was logged, and its values; NaN for undefined ones."""
    found = [(record["step"], record[name]) for record in records if name in record]
    return [step for step, _ in found], [np.nan if v is None else v for _, v in found]


def titled_curves(records: LogRecords, names: Iterable[str]) -> dict[str, Curve]:
    """Return the curve of each scalar by its title."""
    titles = scalar_titles(scalar_names(records))
    return {titles[name]: curve(records, name) for name in names}


def plot_curves(records: LogRecords, names: Sequence[str] = (), *, ax: Axes | None = None) -> Axes:
    """Draw scalars, by default all losses, and the learning rate; see `draw_curves`."""
    names = names or losses(scalar_names(records))
    return draw_curves(titled_curves(records, names), curve(records, "lr"), ax=ax)


def curves_picture(records: LogRecords) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 of the losses with the learning rate, and of the scores."""
    names = scalar_names(records)
    scores = overall(names)
    with plain_style():
        figure = new_figure(11 if scores else 5.5, 4, measured=False)
        axes: Any = figure.subplots(1, 2 if scores else 1, squeeze=False)[0]
        left, right = (0.06, 0.985) if scores else (0.12, 0.87)
        figure.subplots_adjust(left=left, right=right, bottom=0.12, top=0.93, wspace=0.3)
        plot_curves(records, ax=axes[0]).set_ylabel("loss")
        if scores:
            draw_curves(titled_curves(records, scores), ax=axes[1])
            axes[1].set_ylabel("score")
        return picture_of(figure)
