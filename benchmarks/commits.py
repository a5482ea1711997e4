"""Compare the speed of this checkout with another one, such as an earlier commit, in one run.

    python benchmarks/commits.py ../earlier [--rounds 5] [--camvid CAMVID] [--only NAME ...]

Each checkout has its own `.venv`. Every figure is a ratio of medians of alternating runs, the other
checkout divided by this one; above 1, this one is faster. The column `itself` compares two series
of the other checkout, which shows the noise of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[1]
PREDICTIONS, SEARCHES = 15, 15
STEPS = 40

PREDICT = f"""
import json, statistics, sys, time
import numpy as np
from pluxel import Pipeline
pipeline = Pipeline.load(sys.argv[1])
image = np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8)
pipeline(image)
seconds = []
for _ in range({PREDICTIONS}):
    began = time.perf_counter()
    pipeline(image)
    seconds.append(time.perf_counter() - began)
print(json.dumps(statistics.median(seconds)))
"""

SEARCH = f"""
import json, statistics, time
import torch
from pluxel.core import knn
generator = torch.Generator().manual_seed(0)
rows = torch.randn(400_000, 50, generator=generator)
queries = torch.randn({SEARCHES}, 50, generator=generator)
knn(rows, queries[0], 10)
seconds = []
for query in queries:
    began = time.perf_counter()
    knn(rows, query, 10)
    seconds.append(time.perf_counter() - began)
print(json.dumps(statistics.median(seconds)))
"""

FIRST_STEP = """
import json, os, sys, time
import torch, torchvision, timm
began = time.perf_counter()
from pluxel.core import Trainer
def step(self, *arguments):
    print(json.dumps(time.perf_counter() - began), flush=True)
    os._exit(0)
Trainer.step = step
from pluxel.core.cli import main
main()
"""

_PLUXEL = "from pluxel.core.cli import main; main()"  # in earlier commits too


def python(checkout: Path) -> str:
    """Return the interpreter of a checkout."""
    return str(checkout / ".venv" / "bin" / "python")


def run(checkout: Path, *arguments: str) -> str:
    """Run Python in a checkout and return its output."""
    env = {**os.environ, "PLUXEL_PLUGINS": "", "OMP_NUM_THREADS": "2"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    command = [python(checkout), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stderr[-2000:]}")
    return done.stdout


def last_number(text: str) -> float:
    """Return the last number that a script printed."""
    return float(json.loads(text.strip().splitlines()[-1]))


def process_seconds(checkout: Path, *arguments: str) -> float:
    """Return the wall-clock time of one process of the command line."""
    began = time.perf_counter()
    run(checkout, "-c", _PLUXEL, *arguments)
    return time.perf_counter() - began


def train(checkout: Path, folder: Path, steps: int) -> Path:
    """Train on generated shapes and return the run."""
    target = folder / f"run{len(list(folder.iterdir()))}"
    size = (
        "dataset={type: shapes, size: 128, length: 8}",
        "training.batch_size=4",
        "training.log_every=1",
    )
    length = (f"training.steps={steps}", "training.precision=fp32", "device=cpu")
    options = ("--run", str(target), *size, *length)
    run(checkout, "-c", _PLUXEL, "train", "shapes_fcn8s_resnet18", *options)
    return target


def step_seconds(checkout: Path, folder: Path) -> float:
    """Return the time between two steps of a training, from its own log.

    The lower decile: other work on the machine disturbs some steps, and makes none faster.
    """
    lines = (train(checkout, folder, STEPS) / "metrics.jsonl").read_text().splitlines()
    ends = [record["seconds"] for record in map(json.loads, lines) if "lr" in record]
    return float(np.quantile(np.diff(ends)[1:], 0.1))


def cases(folder: Path, runs: dict[Path, Path], camvid: Path | None) -> dict[str, Callable]:
    """Return the measurements by name; each returns the seconds of a checkout."""
    vectors = folder / "vectors.txt"
    rows = np.random.default_rng(0).normal(size=(20_000, 50))
    lines = (f"w{i} " + " ".join(f"{x:.4f}" for x in row) for i, row in enumerate(rows))
    vectors.write_text("\n".join(lines) + "\n")
    words = ("--embedding", "glove", "--set", f"file={vectors}", "-k", "3")
    found: dict[str, Callable[[Path], float]] = {
        "pluxel --help": lambda one: process_seconds(one, "--help"),
        "pluxel plugins list": lambda one: process_seconds(one, "plugins", "list"),
        "step of training": lambda one: step_seconds(one, folder),
        "prediction, 360 × 480": lambda one: last_number(run(one, "-c", PREDICT, str(runs[one]))),
        "one query, 400k × 50": lambda one: last_number(run(one, "-c", SEARCH)),
        "pluxel similar, first answer": lambda one: process_seconds(one, "similar", "w7", *words),
    }
    if camvid is not None:
        setting = (f"dataset.root={camvid}", "backbone.pretrained=false", "device=cpu")

        def first_step(one: Path) -> float:
            where = ("--run", str(folder / f"first{time.monotonic_ns()}"))
            text = run(one, "-c", FIRST_STEP, "train", "camvid_fcn8s_vgg16", *where, *setting)
            return last_number(text)

        found["pluxel train, own share up to the first step"] = first_step
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="a checkout of another commit, with its .venv")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--camvid", type=Path, help="CamVid, to time the start of a training")
    parser.add_argument(
        "--only", nargs="*", help="run only cases with one of these words in the name"
    )
    options = parser.parse_args()
    other = options.other.resolve()
    series = {"other": other, "again": other, "this": HERE}
    print(f"{'':<46}{'other':>10}{'this':>10}{'ratio':>8}{'itself':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = {one: train(one, folder, 2) for one in (other, HERE)}
        for title, measure in cases(folder, runs, options.camvid).items():
            if options.only and not any(word in title for word in options.only):
                continue
            seconds: dict[str, list[float]] = {key: [] for key in series}
            for turn in range(options.rounds + 1):  # the first round fills caches
                for key, checkout in series.items():
                    taken = measure(checkout)
                    if turn:
                        seconds[key].append(taken)
            median = {key: statistics.median(taken) for key, taken in seconds.items()}
            ratio, itself = (median["other"] / median[key] for key in ("this", "again"))
            print(
                f"{title:<46}{median['other'] * 1000:>8.1f}ms{median['this'] * 1000:>8.1f}ms"
                f"{ratio:>8.3f}{itself:>8.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
