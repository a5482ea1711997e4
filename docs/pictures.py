"""Draw the picture of the README: the prediction of a run for a redistributable photograph.

    python docs/pictures.py RUN

The photograph is `china.jpg` of scikit-learn (by danielbuechele, CC BY 2.0).
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Patch
from pluxel import Pipeline
from sklearn.datasets import load_sample_image

TARGET = Path(__file__).parent / "images" / "prediction.jpg"


def main(run: str) -> None:
    """Write the picture."""
    mpl.use("Agg")
    image = load_sample_image("china.jpg")
    found = Pipeline.load(run).predict(image)["semantic"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, picture in zip(axes, (image, found.overlay(image)), strict=True):
        axis.imshow(picture)
        axis.axis("off")
    shares = np.bincount(found.classes.ravel(), minlength=found.space.num_classes)
    shown = [index for index in np.argsort(-shares) if shares[index] > 0.005 * shares.sum()]
    handles = [
        Patch(color=found.space.palette[index] / 255, label=found.space.class_names[index])
        for index in shown
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    TARGET.parent.mkdir(exist_ok=True)
    figure.savefig(TARGET, dpi=100, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main(sys.argv[1])
