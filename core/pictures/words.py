"""A plot of words at their places in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from ...registry import PluxelError, needed_by
from ..common.files import replacing
from .text import font_file, readable

_MARGIN = 0.12
"""Margin around the points for labels, as a share of their extent."""

_DPI = 150

_POINT = 6.0
"""Pixels around a point that its marker covers."""

_RINGS = (8.0, 24.0, 48.0, 80.0, 120.0)
"""Candidate distances of a label from its point, in pixels."""

_EIGHTHS = (0, 4, 2, 6, 1, 7, 3, 5)
"""Candidate directions of a label, in eighths of a turn: right and left first."""

# Creation dates and software versions would make equal plots differ.
_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def save_plot(words: Sequence[str], places: np.ndarray, path: Path) -> None:
    """Draw words at their places (n, 2) and save the plot in the format of the suffix.

    Each label is placed where it overlaps least with other labels and points (`place_labels`). A
    line connects a distant label to its point.

    Raises: PluxelError without matplotlib, for an unsupported suffix, and if writing fails.
    """
    with needed_by("a plot"):
        import matplotlib as mpl  # noqa: PLC0415 - only when something is drawn
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.font_manager import FontProperties  # noqa: PLC0415
    figure = Figure(figsize=(8, 6), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    known = canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in known:
        choices = ", ".join(f".{suffix}" for suffix in sorted(known))
        raise PluxelError(
            f"'{path}': unsupported image suffix '{path.suffix}'; supported: {choices}"
        )
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(_MARGIN)
    axes.scatter(places[:, 0], places[:, 1], s=16, zorder=3)
    axes.autoscale_view()  # otherwise the limits are set only when drawn
    style = {"ha": "center", "va": "center", "parse_math": False}
    labels = [readable(word) for word in words]
    fonts = [FontProperties(fname=font_file(word), size=9) for word in words]
    texts = [
        figure.text(0, 0, label, fontproperties=font, **style)
        for label, font in zip(labels, fonts, strict=True)
    ]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    for text in texts:
        text.remove()
    points = axes.transData.transform(places)
    sizes = np.array([(box.width, box.height) for box in boxes])
    centers = place_labels(points, sizes, np.array(axes.bbox.extents))
    offsets = (centers - points) * 72 / _DPI
    line = {"arrowstyle": "-", "lw": 0.5, "color": "0.6", "shrinkA": 1, "shrinkB": 3}
    for label, font, place, offset in zip(labels, fonts, places, offsets, strict=True):
        style |= {"textcoords": "offset points", "arrowprops": line, "fontproperties": font}
        axes.annotate(label, place, offset, **style)
    with mpl.rc_context({"svg.hashsalt": "pluxel"}), replacing(path) as unfinished:
        content = BytesIO()  # Pillow hides why it cannot write a file
        figure.savefig(content, format=path.suffix[1:] or None, metadata=_METADATA.get(path.suffix))
        unfinished.write_bytes(content.getvalue())


def place_labels(points: np.ndarray, sizes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return the centers of labels of these sizes (n, 2) for points (n, 2), in pixels.

    Labels are placed one by one, each where it overlaps least with the points, with the labels
    placed before it and with the area outside the frame (x0, y0, x1, y1). Ties go to the nearest
    place.
    """
    angles = np.tile(_EIGHTHS, len(_RINGS)) * np.pi / 4
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    distances = np.repeat(_RINGS, len(_EIGHTHS))[:, None]
    taken = [*np.hstack([points - _POINT, points + _POINT])]
    centers = np.empty_like(points)
    for i, (point, size) in enumerate(zip(points, sizes, strict=True)):
        possible = point + directions * (size / 2 + distances)
        boxes = np.hstack([possible - size / 2, possible + size / 2])
        covered = size.prod() - _common(boxes, frame)
        covered += sum(_common(boxes, other) for other in taken)
        best = int(covered.round(3).argmin())  # an area of 1e-12 counts as zero
        centers[i] = possible[best]
        taken.append(boxes[best])
    return centers


def _common(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the areas in which boxes (n, 4) overlap another box (4,)."""
    sides = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
    return sides.clip(min=0).prod(1)
