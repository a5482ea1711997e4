"""Compare word vectors with random vectors for classes unseen in training.

    python benchmarks/zero_shot.py RUN CAMVID [--draws 20] [--plugin FILE] [--output FILE]

RUN: a training of camvid_zero_shot_vgg16. Its network computes pixel vectors for each image of val
once. Several sets of class vectors then score these. Seen classes keep their vectors; the vectors
of unseen classes are

- ``words``: the vectors of their names, as in the run;
- ``exchanged``: vectors of other unseen classes;
- ``mixtures``: random mixtures of the rows of seen classes, so that they resemble names;
- ``directions``: uniform random directions.

For random sets, the program prints the median over all draws per column, and the best draw.
The figures of each set are the mean accuracy among only the unseen classes (chance is one divided
by their number), the mean IoU of seen and of unseen classes, and the harmonic mean of both, without
calibration and at the best calibration of this set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from pluxel.core import Scores, load_config
from pluxel.core.data.samples import EvaluationData
from pluxel.core.engine.evaluation.metrics import ConfusionMatrix
from pluxel.core.engine.inference.pipeline import Pipeline
from pluxel.core.model.strips import resampled_classes
from pluxel.core.model.zero_shot import ZeroShotScores
from pluxel.registry import Host
from torch import Tensor
from torch.nn import functional

CALIBRATIONS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Image:
    """Pixel vectors on their grid, and the true classes (H, W)."""

    pixels: Scores
    target: Tensor


class Study:
    """Pixel vectors of the images of val, computed by the network of a run."""

    def __init__(self, run: Path, root: Path, host: Host) -> None:
        pipeline = Pipeline.load(run, host=host)
        config = load_config(run / "config.yaml", [f"dataset.root={root}"], host=host).pipeline
        seen = pipeline.model.heads["semantic"].seen
        if seen is None:
            raise SystemExit(f"{run} has no unseen classes")
        self.space = pipeline.spaces["semantic"]
        self.unseen, self.seen = list(seen.unseen), seen.seen
        decoder: Any = next(iter(pipeline.model.heads["semantic"].decoders.values()))
        self.words: Tensor = decoder.class_vectors.clone()
        # With the axes of the space as class vectors, the scores of a pixel are its vector.
        decoder.class_vectors = torch.eye(self.words.shape[1])
        data = EvaluationData(config.dataset(split="val"), {"semantic": self.space})
        self.images = [*self._images(pipeline, data)]

    def _images(self, pipeline: Pipeline, data: EvaluationData) -> Iterator[Image]:
        for item in data:
            pixels = {n: torch.from_numpy(a).permute(2, 0, 1)[None] for n, a in item.inputs.items()}
            with torch.inference_mode():
                found = pipeline.model(pixels)["semantic"]
            yield Image(found, torch.from_numpy(item.targets["semantic"]).long())

    def scores(self, vectors: Tensor, calibration: float) -> ZeroShotScores:
        """Evaluate all classes, with the scores of seen classes lowered by ``calibration``."""
        offsets = torch.zeros(len(vectors))
        offsets[self.seen] = -calibration
        matrix = ConfusionMatrix(self.space.num_classes, self.space.ignore_index)
        for image in self.images:
            matrix.update(self._classes(image, vectors, offsets), image.target)
        found = matrix.scores()
        return ZeroShotScores.of(found.iou, found.accuracy, self.unseen)

    def among_unseen(self, vectors: Tensor) -> float:
        """Return the mean accuracy on pixels of unseen classes among these classes only."""
        matrix = ConfusionMatrix(len(self.unseen), len(self.unseen))
        table = torch.full((self.space.ignore_index + 1,), len(self.unseen))
        table[self.unseen] = torch.arange(len(self.unseen))
        for image in self.images:
            found = self._classes(image, vectors[self.unseen], torch.zeros(len(self.unseen)))
            matrix.update(found, table[image.target])
        return matrix.scores().overall()["mean_accuracy"]

    def _classes(self, image: Image, vectors: Tensor, offsets: Tensor) -> Tensor:
        with torch.inference_mode():
            tensor = functional.conv2d(image.pixels.tensor, vectors[:, :, None, None], offsets)
            height, width = image.target.shape
            return resampled_classes(replace(image.pixels, tensor=tensor), (height, width))[0]


def candidates(study: Study, draws: int) -> dict[str, list[Tensor]]:
    """Return sets of class vectors (C, D) by the kind of their unseen vectors."""
    random = torch.Generator().manual_seed(0)
    seen, dim = study.words[study.seen], study.words.shape[1]
    count = len(study.unseen)
    mixed = [torch.randn(count, len(seen), generator=random) @ seen for _ in range(draws)]
    directions = [torch.randn(count, dim, generator=random) for _ in range(draws)]
    return {
        "words": [study.words],
        "exchanged": [_with(study, study.words[study.unseen].roll(1, 0))],
        "mixtures": [_with(study, rows) for rows in mixed],
        "directions": [_with(study, rows) for rows in directions],
    }


def _with(study: Study, rows: Tensor) -> Tensor:
    vectors = study.words.clone()
    vectors[study.unseen] = functional.normalize(rows)
    return vectors


def measure(study: Study, vectors: Tensor) -> dict[str, Any]:
    """Return all figures of one set."""
    at = {calibration: study.scores(vectors, calibration) for calibration in CALIBRATIONS}
    highest = max(CALIBRATIONS, key=lambda calibration: at[calibration].harmonic_mean_iou)
    return {
        "among_unseen": study.among_unseen(vectors),
        "best_calibration": highest,
        "by_calibration": {str(key): asdict(value) for key, value in at.items()},
    }


def best(found: dict[str, Any]) -> float:
    """Return the harmonic mean at the best calibration."""
    return found["by_calibration"][str(found["best_calibration"])]["harmonic_mean_iou"]


def show(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: among the unseen {100 * found['among_unseen']:.1f} %")
    for key, scores in found["by_calibration"].items():
        seen, unseen, both = (
            f"{100 * scores[f'{kind}_mean_iou']:.1f}" for kind in ("seen", "unseen", "harmonic")
        )
        print(f"  calibration {key}: seen {seen}, unseen {unseen}, harmonic mean {both}")


def show_medians(name: str, found: list[dict[str, Any]]) -> None:
    """Show the median of each figure at the best calibration of each draw."""
    scores = [one["by_calibration"][str(one["best_calibration"])] for one in found]
    seen, unseen, both = (
        f"{100 * median(one[f'{kind}_mean_iou'] for one in scores):.1f}"
        for kind in ("seen", "unseen", "harmonic")
    )
    among = 100 * median(one["among_unseen"] for one in found)
    print(f"{name}, medians of {len(found)}: among the unseen {among:.1f} %")
    print(f"  best calibration: seen {seen}, unseen {unseen}, harmonic mean {both}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    parser.add_argument("--output", type=Path, help="JSON with every figure")
    options = parser.parse_args()
    study = Study(options.run, options.root, Host(files=options.plugin))
    results = {}
    for name, sets in candidates(study, options.draws).items():
        found = sorted((measure(study, vectors) for vectors in sets), key=best)
        results[name] = found
        if len(found) == 1:
            show(name, found[0])
        else:
            show_medians(name, found)
            show(f"{name}, best of {len(found)}", found[-1])
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
