"""Compare a step of `pluxel train` with a bare PyTorch loop on the same module and data.

    python benchmarks/training_step.py [--rounds 7] [--steps 3]

Both loops read the same pregenerated images of the dataset `shapes`, and run the same module, which
scales and normalizes them. The bare loop stacks, upsamples and computes the loss with PyTorch only.
The loops alternate, and their medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from pluxel.core import Sample, load_config
from pluxel.core.common.progress import track
from pluxel.core.common.torch_private import has_bfloat16_instructions
from pluxel.core.data.samples import TrainingData
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host
from torch.nn import functional

CASES = {
    "VGG16 without fc, FCN-8s, 4 × 256 × 256": (
        "backbone={type: vgg16, fc: false}",
        "dataset={type: shapes, size: 256}",
        "training.batch_size=4",
    ),
    "ResNet-18, FCN-8s, 4 × 128 × 128": (
        "dataset={type: shapes, size: 128}",
        "training.batch_size=4",
    ),
}
STEPS = 1_000_000
"""More steps than ever run, so that the learning rate hardly changes."""


class Drawn:
    """The first samples of a dataset, kept in memory and repeated."""

    endless = True

    def __init__(self, dataset: object, count: int = 16) -> None:
        self.labels, self.channels = dataset.labels, dataset.channels
        self.samples = [
            Sample(s.name, dict(s.inputs), dict(s.labels))
            for s in map(dataset.__getitem__, range(count))
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index % len(self.samples)]


def pluxel_steps(trainer: Trainer) -> Iterator[None]:
    """Train as `pluxel train` does, one step at a time."""
    with track("training", STEPS) as advance:
        for batches in trainer.current.batches():
            trainer.current.step(batches, advance)
            yield


def bare_steps(model: torch.nn.Module, drawn: Drawn, batch_size: int) -> Iterator[None]:
    """Train with PyTorch alone, as in a typical notebook."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    bf16 = has_bfloat16_instructions()
    step = 0
    while True:
        samples = [drawn[step * batch_size + i] for i in range(batch_size)]
        images = np.stack([sample.inputs["image"] for sample in samples])
        target = torch.from_numpy(np.stack([s.labels["semantic"] for s in samples])).long()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            scores = model({"image": torch.from_numpy(images).permute(0, 3, 1, 2)})["semantic"]
        logits = functional.interpolate(scores.tensor.float(), target.shape[1:], mode="bilinear")
        loss = functional.cross_entropy(logits, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if not loss.isfinite():
            raise RuntimeError("the loss is not finite")
        step += 1
        yield


def measure(overrides: tuple[str, ...], rounds: int, steps: int) -> tuple[float, float]:
    """Return the median seconds per step of Pluxel and of the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        fixed = (f"training.steps={STEPS}", "training.ema=null", "device=cpu")
        config = load_config("shapes_fcn8s_resnet18", (*overrides, *fixed), host=Host())
        loops: dict[str, Callable[[], None]] = {}
        prepared = prepare(config)
        experiments = [Experiment(prepared, Run(Path(folder) / name)) for name in ("a", "b")]
        drawn = Drawn(prepared.dataset("train"))
        trainer = Trainer(experiments[0])
        trainer.current.data = TrainingData(drawn, experiments[0].spaces)
        bare = experiments[1].model.train()
        ours = pluxel_steps(trainer)
        theirs = bare_steps(bare, drawn, config.pipeline.training.batch_size)
        loops = {"ours": ours.__next__, "theirs": theirs.__next__}
        seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        for turn in range(rounds + 1):  # the first is a warm-up
            for name, step in loops.items():
                began = time.perf_counter()
                for _ in range(steps):
                    step()
                if turn:
                    seconds[name].append((time.perf_counter() - began) / steps)
    return statistics.median(seconds["ours"]), statistics.median(seconds["theirs"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':<42}{'pluxel':>10}{'bare':>10}{'ratio':>8}")
    for name, overrides in CASES.items():
        ours, bare = measure(overrides, options.rounds, options.steps)
        print(f"{name:<42}{ours * 1000:>8.1f}ms{bare * 1000:>8.1f}ms{ours / bare:>8.3f}")


if __name__ == "__main__":
    main()
