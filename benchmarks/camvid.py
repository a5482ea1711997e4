"""Train on CamVid, and record configurations and results.

    python benchmarks/camvid.py prior CAMVID
    python benchmarks/camvid.py train CAMVID NAME CONFIG [KEY=VALUE …] [--weights TRUNK]

`prior` prints the scores on val of a prediction from position alone: the most frequent training
class at each pixel. `train` runs `pluxel train` and `pluxel evaluate` in runs/camvid/NAME, resumes
an interrupted training, and records configuration, results and time in benchmarks/camvid/NAME.
`--weights`: a VGG16 trunk for RGB in 0–255 minus Caffe's mean, without division.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from pluxel.core import load_config
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.samples import EvaluationData
from pluxel.core.engine.evaluation.metrics import ConfusionMatrix
from pluxel.registry import Host
from torch import from_numpy

RECORDS = Path(__file__).parent / "camvid"
CAFFE = "{mean: [122.67892, 116.66877, 104.00699], std: [1, 1, 1], range: 255}"


def prior(root: Path) -> dict[str, float]:
    """Return the scores on val if each pixel is predicted as its most frequent training class."""
    factory = load_config(
        "camvid_fcn8s_vgg16", [f"dataset.root={root}"], host=Host()
    ).pipeline.dataset
    train, val = (factory(split=split) for split in ("train", "val"))
    space = LabelSpace(train.labels["semantic"])
    masks = [
        item.targets["semantic"]
        for item in EvaluationData(train, {"semantic": space}, inputs=["image"])
    ]
    counts = np.stack([sum(mask == c for mask in masks) for c in range(space.num_classes)])
    guess = from_numpy(counts.argmax(0))
    matrix = ConfusionMatrix(space.num_classes, space.ignore_index)
    for item in EvaluationData(val, {"semantic": space}):
        matrix.update(guess, from_numpy(item.targets["semantic"]))
    return matrix.scores().overall()


def train(root: Path, name: str, config: str, overrides: list[str], weights: Path | None) -> None:
    """Train, evaluate and record."""
    run = Path("runs/camvid") / name
    settings = [f"dataset.root={root}", *overrides]
    if weights is not None:
        settings += [f"backbone.pretrained={weights}", f"backbone.normalization={CAFFE}"]
    pluxel = [sys.executable, "-m", "pluxel"]
    command = [*pluxel, "train", config, *settings, "--run", str(run), "--resume", "auto"]
    subprocess.run(command, check=True)
    subprocess.run([*pluxel, "evaluate", str(run)], check=True)
    record(
        run,
        RECORDS / name,
        {str(root): "CamVid"} | ({str(weights): weights.name} if weights else {}),
    )


def record(run: Path, target: Path, places: dict[str, str]) -> None:
    """Copy configuration and results without paths of this machine."""
    target.mkdir(parents=True, exist_ok=True)
    text = (run / "config.yaml").read_text()
    for place, name in places.items():
        text = text.replace(str(Path(place).resolve()), name).replace(place, name)
    yaml.safe_load(text)
    (target / "config.yaml").write_text(text)
    for results in (run / "results.json", *run.glob("phases/*/results.json")):
        kept = target / results.relative_to(run)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results, kept)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    overall = json.loads((run / "results.json").read_text())["heads"]["semantic"]["overall"]
    print(f"{target.name}: {last['seconds'] / 3600:.2f} h on {platform.machine()}")
    print({key: round(100 * value, 2) for key, value in overall.items()})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("prior").add_argument("root", type=Path)
    training = verbs.add_parser("train")
    training.add_argument("root", type=Path)
    training.add_argument("name")
    training.add_argument("config")
    training.add_argument("overrides", nargs="*")
    training.add_argument("--weights", type=Path)
    options = parser.parse_args()
    if options.verb == "prior":
        print({key: round(100 * value, 2) for key, value in prior(options.root).items()})
    else:
        train(options.root, options.name, options.config, options.overrides, options.weights)


if __name__ == "__main__":
    main()
