"""Compare a training that draws pictures and has a tracker with one that does neither.

    python benchmarks/pictures.py [--rounds 3] [--steps 300] [--eval-every 60]

All train the same small network on the dataset `shapes`, and evaluate the same images. The
trainings alternate: with `training.pictures: 4` and the tracker `csv`, with neither, and with
neither again. The medians of the first two are compared, and those of the last two beside them,
which should be equal.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from pluxel.core import load_config
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host

NEITHER = ("training.pictures=0", "training.trackers=[]")
CASES = {
    "with both": ("training.pictures=4", "training.trackers=[csv]"),
    "with neither": NEITHER,
    "with neither, again": NEITHER,
}


def seconds(folder: Path, case: str, steps: int, eval_every: int) -> float:
    """Return the time of a whole training, without its preparation."""
    overrides = [
        *CASES[case],
        f"training.steps={steps}",
        f"training.eval_every={eval_every}",
        "training.batch_size=4",
        "training.schedule.warmup_steps=0",
        "dataset={type: shapes, size: 128, length: 40}",
    ]
    config = load_config("shapes_fcn8s_resnet18", overrides, host=Host())
    trainer = Trainer(Experiment(prepare(config), Run(folder)))
    began = time.perf_counter()
    trainer.train()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--eval-every", type=int, default=60)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        seconds(Path(folder, "warm-up"), "with both", 4, 4)
        for number in range(options.rounds):
            for name, taken in times.items():
                run = Path(folder, f"{number} {name}")
                taken.append(seconds(run, name, options.steps, options.eval_every))
    with_both, neither, again = (statistics.median(each) for each in times.values())
    print(f"{neither:.0f} s a training with neither")
    print(f"with both / with neither: {with_both / neither:.3f}×")
    print(f"with neither / itself:    {again / neither:.3f}×")


if __name__ == "__main__":
    main()
