"""Prediction imports nothing that only training, evaluation or word vectors need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

TOYS = Path(__file__).parents[1] / "toys.py"
FORBIDDEN = {
    "accelerate",
    "albumentations",
    "cv2",
    "matplotlib",
    "scipy",
    "simsimd",
    "timm",
    "torchvision",
    "pluxel.core.data.augmentation",
    "pluxel.core.data.loading",
    "pluxel.core.embeddings",
    "pluxel.core.engine.distributed",
    "pluxel.core.engine.evaluation",
    "pluxel.core.engine.training",
    "pluxel.core.neighbors",
    "pluxel.plugins.datasets",
    "pluxel.plugins.losses",
}
TOY = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: dice}
dataset: {type: squares}
augment: {train: [HorizontalFlip, {RandomCrop: {height: 16, width: 16}}]}
device: cpu
training: {steps: 2, batch_size: 4, precision: fp32, eval_every: 2}
"""
DUMP = "import atexit, sys; atexit.register(lambda: print(*sys.modules))\n"
IN_PYTHON = """
import sys
from pathlib import Path
from pluxel import Host, Pipeline

run, image, toys = sys.argv[1:]
mask = Pipeline.load(run, host=Host(files=[Path(toys)]))(image)
assert mask.shape == (40, 50)
"""
ON_THE_COMMAND_LINE = """
import sys
from pluxel.core.cli import main

run, image, toys = sys.argv[1:]
kinds = "index,color,overlay,prob"
main(["--plugin", toys, "predict", run, image, "--output", run + "-out", "--save", kinds])
"""


def imports(code: str, *arguments: object) -> set[str]:
    """Return the modules that a process imports, packages included."""
    command = [sys.executable, "-c", DUMP + code, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PLUXEL_PLUGINS": ""}
    process = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose configuration has augmentations, with an image."""
    folder = tmp_path_factory.mktemp("imports")
    (folder / "toy.yaml").write_text(TOY)
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(folder / "image.png")
    train = "import sys\nfrom pluxel.core.cli import main\nmain(sys.argv[1:])"
    arguments = ("--plugin", TOYS, "train", folder / "toy.yaml", "--run", folder / "run")
    assert {"accelerate", "albumentations", "cv2"} <= imports(train, *arguments)
    return folder / "run"


@pytest.mark.parametrize("code", [IN_PYTHON, ON_THE_COMMAND_LINE])
def test_prediction_imports_only_what_it_needs(run: Path, code: str) -> None:
    imported = imports(code, run, run.parent / "image.png", TOYS)
    assert "pluxel.core.engine.inference.pipeline" in imported
    assert imported & FORBIDDEN == set()


def test_forbidden_modules_exist() -> None:
    """Check that every name on the list can be imported."""
    assert imports(f"import {', '.join(sorted(FORBIDDEN))}") >= FORBIDDEN
