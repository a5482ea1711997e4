"""Draw the picture of the README: the prediction of a run for a redistributable photograph.

    python docs/pictures.py RUN [OTHER]

OTHER is a run whose pictures the page about pictures shows: of bright squares, after 60 steps.

The photograph is `china.jpg` of scikit-learn (by danielbuechele, CC BY 2.0).
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import copyfile

from PIL import Image
from pluxel import Pipeline
from pluxel.core import Run
from pluxel.core.pictures.legend import entries_of
from pluxel.core.pictures.panel import PanelRow, panel
from pluxel.core.pictures.thumbnails import thumbnail
from sklearn.datasets import load_sample_image

IMAGES = Path(__file__).parent / "images"
WIDTH = 900


def main(run: str, other: str | None = None) -> None:
    """Write the pictures."""
    image = load_sample_image("china.jpg")
    found = Pipeline.load(run).predict(image)["semantic"]
    entries = entries_of(found.space, [found.classes])
    row = PanelRow("", [image, found.overlay(image)])
    drawn = panel(["photograph", "prediction"], [row], entries)
    height, width = drawn.shape[0] * WIDTH // drawn.shape[1], WIDTH
    Image.fromarray(thumbnail(drawn, (height, width))).save(IMAGES / "prediction.jpg", quality=88)
    for name in ("panel", "curves", "confusion") if other else ():
        copyfile(Run(Path(other)).pictures.file(name), IMAGES / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
