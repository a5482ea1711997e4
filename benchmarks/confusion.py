"""Compare the speed of confusion-matrix updates with torchmetrics, side by side in one run.

    python benchmarks/confusion.py [--threads 2] [--json]

Both count the same 8 maps of 360×480 pixels and 11 classes (int64, 3 % ignored), alternately;
ratios compare medians. ``blobs`` resemble segmentations: runs of one class with scattered errors.
``noise`` has independent pixels. On a busy machine, threads wait for each other and distort the
ratio; use ``--threads 1`` there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from pluxel.core.common.timing import in_turns
from pluxel.core.engine.evaluation.metrics import ConfusionMatrix
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

SHAPE, CLASSES, IGNORE = (8, 360, 480), 11, 255
TARGETS = {"default": 20, "validate_args=False": 7}


def noise(random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a prediction and a truth of independent pixels."""
    prediction = torch.randint(CLASSES, SHAPE, generator=random)
    truth = torch.randint(CLASSES, SHAPE, generator=random)
    return prediction, truth.masked_fill(torch.rand(SHAPE, generator=random) < 0.03, IGNORE)


def blobs(random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a prediction and a truth: blocks of 24×24 pixels, a tenth of pixels random."""
    batch, height, width = SHAPE
    coarse = torch.randint(CLASSES, (batch, height // 24, width // 24), generator=random)
    truth = coarse.repeat_interleave(24, 1).repeat_interleave(24, 2)
    wrong = torch.rand(SHAPE, generator=random) < 0.1
    prediction = torch.where(wrong, torch.randint(CLASSES, SHAPE, generator=random), truth)
    return prediction, truth.masked_fill(torch.rand(SHAPE, generator=random) < 0.03, IGNORE)


def measure(prediction: Tensor, truth: Tensor, rounds: int) -> dict[str, float]:
    """Return median milliseconds of Pluxel, and the ratios of torchmetrics to it."""
    ours = ConfusionMatrix(CLASSES, IGNORE)
    theirs = {
        "default": MulticlassConfusionMatrix(CLASSES, ignore_index=IGNORE),
        "validate_args=False": MulticlassConfusionMatrix(
            CLASSES, ignore_index=IGNORE, validate_args=False
        ),
    }
    updates: dict[str, Callable[[], None]] = {"pluxel": lambda: ours.update(prediction, truth)}
    for name, metric in theirs.items():
        updates[name] = lambda metric=metric: metric.update(prediction, truth)
    seconds = in_turns(updates, rounds)
    for name, metric in theirs.items():
        if not torch.equal(metric.compute(), ours.counts):
            raise SystemExit(f"counts differ from torchmetrics, {name}")
    ratios = {name: seconds[name] / seconds["pluxel"] for name in theirs}
    return {"milliseconds": 1000 * seconds["pluxel"], **ratios}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    random = torch.Generator().manual_seed(0)
    results = {make.__name__: measure(*make(random), arguments.rounds) for make in (blobs, noise)}
    if arguments.json:
        print(json.dumps({"threads": torch.get_num_threads(), **results}))
        return
    print(f"{torch.get_num_threads()} threads, medians of {arguments.rounds}, counts equal")
    for data, result in results.items():
        ratios = ", ".join(f"{result[n]:.1f}× {n} (aim {aim}×)" for n, aim in TARGETS.items())
        print(f"{data}: {result['milliseconds']:.2f} ms per update; torchmetrics takes {ratios}")


if __name__ == "__main__":
    main()
