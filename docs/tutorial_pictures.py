"""Draw the pictures of docs/tutorial.md from the run that the page trains.

    python docs/tutorial_pictures.py runs/coins

in the folder with `coins/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _drawing import save
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image
from pluxel import Pipeline

COLORS = np.array([(225, 225, 225), (204, 121, 60), (0, 114, 178)], np.uint8)
"""Colors of table, copper and silver."""


def main(run: str) -> None:
    """Write both pictures."""
    mpl.use("Agg")
    figure, axes = plt.subplots(2, 3, figsize=(4.4, 2.3), layout="constrained")
    for number, (above, below) in enumerate(axes.T):
        show(above, photo(number))
        show(below, COLORS[mask(number)])
    save(figure, "tutorial_data")
    pipeline = Pipeline.load(run)
    figure, axes = plt.subplots(1, 3, figsize=(5.4, 1.65), layout="constrained")
    pictures = (photo(35), COLORS[mask(35)], COLORS[pipeline(photo(35))])
    for axis, picture, title in zip(axes, pictures, ("photo", "mask", "prediction"), strict=True):
        show(axis, picture)
        axis.set_title(title, fontsize=9)
    save(figure, "tutorial_prediction")


def photo(number: int) -> np.ndarray:
    """Return a photograph, (height, width, 3)."""
    return np.asarray(Image.open(Path("coins/photos") / f"{number:02}.jpg"))


def mask(number: int) -> np.ndarray:
    """Return a mask of ids, (height, width)."""
    return np.asarray(Image.open(Path("coins/masks") / f"{number:02}.png"))


def show(axis: Axes, picture: np.ndarray) -> None:
    """Show a picture without axes."""
    axis.imshow(picture)
    axis.axis("off")


if __name__ == "__main__":
    main(sys.argv[1])
