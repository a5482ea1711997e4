"""Draw the pictures of docs/dense.md from the computations that they explain.

python docs/diagrams.py
"""

from __future__ import annotations

from itertools import product

import matplotlib as mpl
import numpy as np
import torch
from _drawing import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    PALE,
    PHASES,
    box,
    cut_away,
    pixel_grid,
    places,
    save,
)
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pluxel.core import FeatureSpec, Grid, Scores, resample
from pluxel.core.engine.inference.tiling import Reach
from pluxel.core.geometry.dilation import Dilation
from torch import Tensor, nn
from torch.nn import functional


def main() -> None:
    """Write all pictures."""
    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 9, "text.color": INK, "font.family": "DejaVu Sans"})
    for draw in (dense_scores, shifted_grid, spread_filter, aligned_resampling, tiles):
        save(draw(), draw.__name__)


def dense_scores() -> Figure:
    """Draw a row of scores: stride 4 with interpolation, shifted images, and dilated filters."""
    grid, dense, passes = row_of_scores()
    coarse = Grid((4, 4), grid.offset)
    figure, axis = plt.subplots(figsize=(10, 3.1), layout="constrained")
    for shift, (scores, color) in enumerate(zip(passes, PHASES, strict=True)):
        at = shift + places(coarse, len(scores))
        label = f"… on the image shifted by {shift}" if shift else "the network"
        axis.plot(at, scores, "o", color=color, ms=5 if shift else 9, label=label)
    at = places(coarse, len(passes[0]))
    axis.plot(at, passes[0], color=BLUE, lw=1.2, zorder=1, label="interpolated")
    ring = {"marker": "o", "mfc": "none", "ms": 11, "mew": 0.7, "lw": 0.8, "color": INK}
    at = places(grid, len(dense))
    axis.plot(at, dense, zorder=1, label="the network with spread filters", **ring)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axis.set(xlabel="pixel", ylabel="score", title="scores along a row of an image: stride 4 → 1")
    return figure


def row_of_scores() -> tuple[Grid, Tensor, list[Tensor]]:
    """Return the dense grid, its scores along a row, and the scores for four shifts."""
    torch.manual_seed(3)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Conv2d(16, 1, 3),
    ).eval()
    rows, columns = torch.meshgrid(torch.arange(18.0), torch.arange(62.0), indexing="ij")
    image = ((columns / 2.7 + rows / 6).sin() + (columns / 9 - rows / 4).cos())[None, None]
    dilation = Dilation(network, 1, 1)
    with torch.inference_mode():
        passes = [network(image[..., shift:])[0, 0, 0] for shift in range(4)]
        dense = dilation(network, image, [network])[0, 0, 0]
    for shift, scores in enumerate(passes):
        torch.testing.assert_close(dense[shift::4], scores)
    return dilation.maps[0].grid, dense, passes


def shifted_grid() -> Figure:
    """Draw a coarse grid, its copies for four shifts of the image, and their interlacing."""
    pixels, step = 16, 2
    grid = Grid().conv(2, stride=2).conv(2, stride=2)
    stride, offset = int(grid.stride[0]), float(grid.offset[0])
    figure, axes = plt.subplots(
        1, 5, figsize=(10, 2.6), width_ratios=[1, 1, 1, 1, 1.5], layout="constrained"
    )
    dense = axes[-1]
    pixel_grid(dense, pixels)
    shifts = [*product(range(0, stride, step), repeat=2)]
    for axis, (down, across), color in zip(axes, shifts, PHASES, strict=False):
        pixel_grid(axis, pixels)
        cut_away(axis, pixels, down, across)
        rows, columns = (
            np.arange(shift + offset, pixels - offset, stride) for shift in (down, across)
        )
        for panel in (axis, dense):
            panel.scatter(*np.meshgrid(columns, rows), s=26, color=color, zorder=3)
        box(axis, (down, down + stride - 1), (across, across + stride - 1), edgecolor=color, lw=1.6)
        axis.set_title(f"shift ({down}, {across})")
    dense.set_title(f"interlaced: stride {stride} → {step}", weight="bold")
    return figure


def spread_filter() -> Figure:
    """Draw a network with a stride, the same network without it, and the dilation of a filter."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.1), width_ratios=[1, 1, 0.62], layout="constrained"
    )
    layers(axes[0], stride=2)
    axes[0].set_title("stride 2, then 3 taps")
    layers(axes[1], stride=1)
    axes[1].set_title("stride 1, then the same 3 taps, 2 apart")
    filters(axes[2])
    axes[2].set_title("… and in two dimensions")
    return figure


def layers(axis: Axes, stride: int) -> None:
    """Draw pixels, a pool of 2, and a filter of 3 taps, dilated by the removed strides."""
    pixels, apart = 16, 2 // stride
    pool = Grid().conv(2, stride=stride)
    score = pool.conv(3, dilation=apart)
    maps = [(Grid(), pixels, 0.0), (pool, (pixels - 2) // stride + 1, 1.0)]
    maps.append((score, maps[1][1] - 2 * apart, 2.0))
    chosen = [maps[2][1] // 2 - 1, maps[2][1] // 2] if stride == 1 else [maps[2][1] // 2]
    for cell in range(maps[1][1]):
        wires(axis, maps[0], maps[1], cell, [stride * cell, stride * cell + 1], GRAY, 0.6)
    for cell in range(maps[2][1]):
        taps = [cell + apart * tap for tap in range(3)]
        strong = cell in chosen
        color = phase(cell, stride) if strong else "#d0d0d0"
        wires(axis, maps[1], maps[2], cell, taps, color, 2.2 if strong else 0.5)
    for (grid, cells, height), kind in zip(maps, ("pixels", "pool", "filter"), strict=True):
        colors = [GRAY if height == 0 else phase(cell, stride) for cell in range(cells)]
        axis.scatter(places(grid, cells), [height] * cells, s=34, color=colors, zorder=3)
        axis.text(-1.1, height, kind, ha="right", va="center")
    axis.set(xlim=(-4.2, pixels), ylim=(-0.35, 2.35))
    axis.axis("off")


def phase(cell: int, stride: int) -> str:
    """Return the color of a cell of the original network or of the image shifted by a pixel."""
    return PHASES[cell % 2] if stride == 1 else PHASES[0]


def wires(
    axis: Axes,
    below: tuple[Grid, int, float],
    above: tuple[Grid, int, float],
    cell: int,
    taps: list[int],
    color: str,
    width: float,
) -> None:
    """Draw lines from a cell to the cells of its inputs."""
    end = places(above[0], above[1])[cell]
    order = 2 if width > 1 else 1
    for start in places(below[0], below[1])[taps]:
        axis.plot([start, end], [below[2], above[2]], color=color, lw=width, zorder=order)


def filters(axis: Axes) -> None:
    """Draw a 3×3 filter, plain and with dilation 2."""
    weights = np.array([[0.45, 0.7, 0.35], [0.85, 1.0, 0.6], [0.3, 0.75, 0.5]])
    spread = np.zeros((5, 5))
    spread[::2, ::2] = weights
    for values, left, top in ((weights, 0.0, 1.0), (spread, 4.4, 0.0)):
        for (row, column), value in np.ndenumerate(values):
            face = (*to_rgb(BLUE), value)
            at = left + column, top + row
            axis.add_patch(Rectangle(at, 1, 1, facecolor=face, edgecolor=GRAY, lw=0.8))
            if not value:
                axis.text(at[0] + 0.5, at[1] + 0.5, "0", ha="center", va="center", color=GRAY)
    axis.text(3.7, 2.5, "→", ha="center", va="center", size=15)
    axis.set(xlim=(-0.2, 9.6), ylim=(8.7, -3.2), aspect="equal")
    axis.axis("off")


def aligned_resampling() -> Figure:
    """Draw coarse scores interpolated at right and at wrong positions, and as a sum of tents."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 5.2), layout="constrained")
    factor, grid = 4, Grid(4, 0)
    scores = torch.tensor([1.0, 1.2, 0.5, 2.4, 2.0, 0.8, 1.6])
    pixels = factor * (len(scores) - 1) + 1
    at, where = places(grid, len(scores)), np.arange(pixels)
    four = scores.view(1, 1, 1, -1)
    aligned = resample(Scores(four, grid), (1, pixels)).flatten()
    usual = functional.interpolate(four, scale_factor=(1, factor), mode="bilinear").flatten()
    above.plot(
        np.arange(len(usual)),
        usual,
        "o-",
        color=ORANGE,
        ms=3.5,
        label="as if cells lay in the middle of 4 pixels",
    )
    above.plot(where, aligned, "o-", color=BLUE, ms=3.5, label="at the cells' own positions")
    above.plot(at, scores, "o", color=INK, ms=8, label="scores of stride 4, offset 0", zorder=3)
    above.annotate(
        "", (at[3] + 1.5, 2.55), (at[3], 2.55), arrowprops={"arrowstyle": "->", "color": INK}
    )
    above.text(at[3] + 1.8, 2.55, "1.5 pixels too far", va="center")
    tents(below, four, grid, pixels)
    for axis, title in (
        (above, "linear interpolation of coarse scores"),
        (below, "the same by FCN's deconvolution of 7 taps, stride 4, and a crop of 3"),
    ):
        axis.set(xlim=(-4, pixels + 3), ylim=(0, 2.9), title=title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.12, 1), fontsize=8)
    below.set_xlabel("pixel")
    return figure


def tents(axis: Axes, scores: Tensor, grid: Grid, pixels: int) -> None:
    """Draw the contribution of each cell to a deconvolution, their sum, and the crop."""
    factor = int(grid.stride[1])
    taps = 1 - (torch.arange(2 * factor - 1) - factor + 1).abs() / factor
    full = functional.conv_transpose2d(scores, taps.view(1, 1, 1, -1), stride=(1, factor))
    lies = grid.deconv((1, len(taps)), stride=(1, factor))
    crop = int(-lies.offset[1])
    same = resample(Scores(scores, grid, "zeros"), (1, pixels))
    torch.testing.assert_close(full[..., crop : crop + pixels], same)
    for cell, score in zip(places(grid, scores.shape[-1]), scores.flatten(), strict=True):
        x = cell + np.arange(-factor, factor + 1)
        axis.fill_between(
            x, float(score) * (1 - np.abs(x - cell) / factor), color=BLUE, alpha=0.13, lw=0
        )
    where = places(lies, full.shape[-1])
    axis.plot(where, full.flatten(), "o-", color=BLUE, ms=3.5, label="sum of one kernel a cell")
    for left, right in ((where[0] - 0.5, -0.5), (pixels - 0.5, where[-1] + 0.5)):
        axis.axvspan(left, right, color="#d9d9d9", lw=0, zorder=0)
    axis.text(pixels + 1, 1.9, "cut off", ha="center", color=INK)


def tiles() -> Figure:
    """Draw an image in tiles, the window of one tile, and what determines its end."""
    spec = FeatureSpec("scores", 1, Grid(8, 0), (41, 41), "computed")
    reach = Reach((spec,), 8, 1, 1)
    size, side = (192, 256), 64
    chosen = range(64, 128), range(64, 128)
    rows, columns = (reach.window(chosen[a], size[a], a) for a in (0, 1))
    figure, (image, corner) = plt.subplots(
        1, 2, figsize=(10, 3.9), width_ratios=[1.25, 1], layout="constrained"
    )
    box(image, (0, size[0] - 1), (0, size[1] - 1), facecolor=PALE, edgecolor=INK, lw=1)
    for edge in range(side, size[1], side):
        image.plot([edge - 0.5] * 2, [-0.5, size[0] - 0.5], color=GRAY, lw=0.8)
    for edge in range(side, size[0], side):
        image.plot([-0.5, size[1] - 0.5], [edge - 0.5] * 2, color=GRAY, lw=0.8)
    window_and_tile(image, (rows, columns), chosen)
    image.text(96, 96, "tile", ha="center", va="center", color="white", weight="bold")
    image.text(96, 53, "halo", ha="center", va="center", color=BLUE)
    image.set(
        xlim=(-4, 260),
        ylim=(196, -4),
        aspect="equal",
        title="the image, a tile, and the window that decides it",
    )
    image.axis("off")
    draw_corner(corner, spec, (rows, columns), chosen)
    return figure


def window_and_tile(axis: Axes, window: tuple[range, range], tile: tuple[range, range]) -> None:
    """Draw a window and its tile."""
    spans = [tuple((one[0], one[-1]) for one in region) for region in (window, tile)]
    box(axis, *spans[0], facecolor="#cfe3f1", edgecolor=BLUE, lw=1.6)
    box(axis, *spans[1], facecolor=BLUE, edgecolor="none")


def draw_corner(
    axis: Axes, spec: FeatureSpec, window: tuple[range, range], tile: tuple[range, range]
) -> None:
    """Draw the lower right of a window: the last cells of the tile and their receptive fields."""
    window_and_tile(axis, window, tile)
    cells = np.arange(0, 200, float(spec.grid.stride[0]))
    axis.scatter(*np.meshgrid(cells, cells), s=9, color=INK, zorder=3, alpha=0.5)
    last = tile[0].stop  # the first cell after the last pixel of the tile
    seen = (spec.receptive_field[0] - 1) / 2
    box(axis, (last - seen, last + seen), (last - seen, last + seen), edgecolor=ORANGE, lw=2)
    axis.scatter([last], [last], s=42, color=ORANGE, zorder=4)
    axis.text(138.5, 124, "halo", ha="center", va="center", color=BLUE)
    axis.text(118, 118, "tile", ha="center", va="center", color="white", weight="bold")
    low, high = 96.5, 159.5
    axis.set(xlim=(low, high), ylim=(high, low), aspect="equal")
    axis.set_title("its corner: the last cell that counts, and what it sees")
    axis.set(xticks=[], yticks=[])


if __name__ == "__main__":
    main()
