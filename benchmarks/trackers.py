"""Compare a training step that is tracked with one that is not, and one that is not with itself.

    python tools/tracker_environment.py   # once; has TensorBoard
    .venv-trackers/bin/python benchmarks/trackers.py [--rounds 15] [--steps 20] [--log-every 1]

The trainings alternate, and the medians of their steps are compared. A tracked training also passes
a picture in each round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from pluxel.core import Experiment, Run, Trainer, load_config, prepare
from pluxel.core.data.samples import TrainingData
from pluxel.registry import Host
from training_step import STEPS, Drawn, pluxel_steps

NAMES = ("none", "none again", "csv", "tensorboard")
FIXED = (
    "dataset={type: shapes, size: 128}",
    *(f"training.steps={STEPS}", "training.batch_size=4", "training.ema=null", "device=cpu"),
)
PICTURE = np.zeros((256, 512, 3), np.uint8)


def trainer_with(name: str, folder: Path, log_every: int) -> Trainer:
    """Return a training with a tracker, or without one."""
    trackers = "" if name.startswith("none") else name
    overrides = (*FIXED, f"training.trackers=[{trackers}]", f"training.log_every={log_every}")
    config = load_config("shapes_fcn8s_resnet18", overrides, host=Host())
    prepared = prepare(config)
    experiment = Experiment(prepared, Run(folder / name.replace(" ", "_")))
    trainer = Trainer(experiment)
    drawn = Drawn(prepared.dataset("train"))
    trainer.current.data = TrainingData(drawn, experiment.spaces)
    return trainer


def measure(rounds: int, steps: int, log_every: int) -> dict[str, float]:
    """Return the median seconds of a step by name."""
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        loops = {}
        for name in NAMES:
            trainer = trainer_with(name, Path(folder), log_every)
            stack.enter_context(trainer.current.experiment.claimed())
            config = trainer.current.experiment.whole.config
            stack.enter_context(trainer.tracking.of_run(trainer.run, config, 0))
            loops[name] = (trainer, pluxel_steps(trainer))
        for turn in range(rounds + 1):  # the first is a warm-up
            for name, (trainer, loop) in loops.items():
                began = time.perf_counter()
                for _ in range(steps):
                    next(loop)
                trainer.tracking.images(trainer.current.progress.total, {"val/pictures": PICTURE})
                if turn:
                    seconds[name].append((time.perf_counter() - began) / steps)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--log-every", type=int, default=1)
    options = parser.parse_args()
    found = measure(options.rounds, options.steps, options.log_every)
    print(f"{'tracker':<14}{'step':>10}{'ratio':>8}")
    for name, seconds in found.items():
        print(f"{name:<14}{seconds * 1000:>8.1f}ms{seconds / found['none']:>8.3f}")


if __name__ == "__main__":
    main()
