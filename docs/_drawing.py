"""Colors and shapes of the pictures that diagrams.py draws."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from pluxel.core import Grid

IMAGES = Path(__file__).parent / "images"

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
PHASES = (BLUE, ORANGE, GREEN, PURPLE)
INK, GRAY, PALE = "#333333", "#9a9a9a", "#ececec"

Span = tuple[float, float]
"""First and last pixel along an axis; each extends half a pixel to either side."""


def save(figure: Figure, name: str) -> None:
    """Write a picture with few colors; equal library versions give equal bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=170, facecolor="white")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        IMAGES / f"{name}.png", optimize=True
    )


def places(grid: Grid, cells: int) -> np.ndarray:
    """Return the horizontal positions of cells, in pixels."""
    return float(grid.offset[1]) + float(grid.stride[1]) * np.arange(cells)


def pixel_grid(axis: Axes, pixels: int) -> None:
    """Draw the pixels of a square image."""
    edges = np.arange(pixels + 1) - 0.5
    axis.hlines(edges, edges[0], edges[-1], color=PALE, lw=0.8)
    axis.vlines(edges, edges[0], edges[-1], color=PALE, lw=0.8)
    axis.set(xlim=(-1, pixels), ylim=(pixels, -1), aspect="equal")
    axis.axis("off")


def cut_away(axis: Axes, pixels: int, down: int, across: int) -> None:
    """Mark the pixels that a shift removes from the image."""
    if down:
        box(axis, (0, down - 1), (0, pixels - 1), facecolor="#d9d9d9", edgecolor="none")
    if across:
        box(axis, (0, pixels - 1), (0, across - 1), facecolor="#d9d9d9", edgecolor="none")


def box(axis: Axes, rows: Span, columns: Span, **style: object) -> None:
    """Draw a rectangle around pixels."""
    (top, bottom), (left, right) = rows, columns
    corner = left - 0.5, top - 0.5
    style = {"facecolor": "none", "zorder": 2, **style}
    axis.add_patch(Rectangle(corner, right - left + 1, bottom - top + 1, **style))  # pyright: ignore[reportArgumentType]
