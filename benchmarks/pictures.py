"""Compare a training that draws pictures with one that draws none.

    python benchmarks/pictures.py [--rounds 5] [--steps 60] [--eval-every 20]

Both train the same small network on the dataset `shapes`, and evaluate the same images. The
trainings alternate: with `training.pictures: 4`, with 0, and with 0 again. The medians of the
first two are compared, and those of the last two beside them, which should be equal.
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

CASES = {"with pictures": 4, "without": 0, "without, again": 0}


def seconds(folder: Path, pictures: int, steps: int, eval_every: int) -> float:
    """Return the time of a whole training, without its preparation."""
    overrides = [
        f"training.pictures={pictures}",
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--eval-every", type=int, default=20)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds + 1):
            for name, pictures in CASES.items():
                run = Path(folder, f"{number}-{pictures}-{len(times[name])}-{name[-1]}")
                took = seconds(run, pictures, options.steps, options.eval_every)
                if number:  # the first round warms up
                    times[name].append(took)
    with_pictures, without, again = (statistics.median(each) for each in times.values())
    print(f"with pictures / without: {with_pictures / without:.3f}×")
    print(f"without / without:       {again / without:.3f}×")


if __name__ == "__main__":
    main()
