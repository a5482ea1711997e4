"""Each part works with only the packages that docs/install.md lists for it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.cli._main import Commands
from pluxel.core.common import parts
from pluxel.registry._packages import DISTRIBUTIONS

from .conftest import TOYS, Completed, environment

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[3] / "docs/install.md").read_text(encoding="utf-8")
BLOCKED = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):  # importlib.metadata asks finders too
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in blocked:
            return self.finder.find_spec(name, path, target)
blocked = set(sys.argv.pop(1).split(","))
sys.meta_path[:] = map(Without, sys.meta_path)
"""
COMMAND = BLOCKED + "from pluxel.core.cli import main; main()"
VECTORS = "cat 1 0 0\ndog 0.9 0.1 0\ncar 0 1 0\nroad 0 0.9 0.2\n"


def modules_of(part: str) -> set[str]:
    """Return the modules whose packages the page installs for a part."""
    section = PAGE.partition(f"### {part}\n")[2].partition("\n##")[0]
    (line,) = re.findall(r"^pip install (.*)$", section, re.MULTILINE)
    named = set(shlex.split(line))
    assert named <= set(DISTRIBUTIONS.values())
    return {module for module, distribution in DISTRIBUTIONS.items() if distribution in named}


def run(
    code: str, blocked: set[str], *arguments: object, cwd: Path, cache: Path | None = None
) -> Completed:
    assert blocked
    return subprocess.run(
        [sys.executable, "-c", code, ",".join(sorted(blocked)), *map(str, arguments)],
        cwd=cwd,
        env={**environment(), "PLUXEL_CACHE": str(cache or cwd / "cache")},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def without(part: str) -> set[str]:
    return set(DISTRIBUTIONS) - modules_of(part)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "toy.txt"
    path.write_text(VECTORS)
    return path


@pytest.mark.parametrize(("part", "command"), [("Words", "similar"), ("Prediction", "predict")])
def test_the_page_and_the_error_list_the_same_packages(part: str, command: str) -> None:
    assert modules_of(part) == parts.modules_of(command)


def test_every_command_has_its_part() -> None:
    without = {name for name in Commands.table if not parts.modules_of(name)}
    assert without == {"completion", "new", "plugins"}


class TestWords:
    SOURCE = ("--embedding", "glove", "--set", "file=toy.txt")

    def test_commands_and_python(self, vectors) -> None:
        commands = [
            ["similar", "cat", "-k", "1", *self.SOURCE],
            ["analogy", "cat", "dog", "car", "-k", "1", *self.SOURCE],
            ["embeddings", "list"],
            ["embeddings", "convert", "toy.txt", "out.txt"],
            ["labels", "align", "voc", "camvid", *self.SOURCE, "--set", "unknown=zero"],
        ]
        code = f"""{BLOCKED}
from pluxel.core.cli import main
for arguments in {commands}:
    try:
        main(arguments)
    except SystemExit as ended:
        print("ended with", ended.code)
import torch
from pluxel.core import WordVectors, knn
print(knn(torch.eye(3), torch.eye(3)[1], 1)[0].tolist(), WordVectors.__name__)
"""
        done = run(code, without("Words"), cwd=vectors.parent)
        assert done.stdout.count("ended with 0") == 5, done.stdout + done.stderr
        assert re.match(r"dog .*\nended with 0\nroad ", done.stdout)
        assert done.stdout.endswith("[1] WordVectors\n"), done.stderr
        assert (vectors.parent / "out.txt").read_text().startswith("cat 1")

    def test_missing_package_of_a_part_is_one_error(self, vectors) -> None:
        done = run(COMMAND, {"safetensors"}, "similar", "cat", *self.SOURCE, cwd=vectors.parent)
        assert (done.returncode, done.stderr) == (
            2,
            "pluxel similar needs safetensors, which is not installed: pip install safetensors\n",
        )


class TestPrediction:
    def test_a_run_predicts(self, trained, tmp_path) -> None:
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
        options = ["--plugin", TOYS, "predict", trained, "a.png", "--output", "out"]
        done = run(COMMAND, without("Prediction"), *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / "out/index/a.png") as mask:
            assert mask.size == (30, 20)

    def test_packages_exclude_those_of_training(self) -> None:
        assert without("Prediction") >= {"accelerate", "albumentations", "scipy", "simsimd"}


def test_all_missing_packages_are_one_error(toy) -> None:
    blocked = without("Prediction")
    done = run(COMMAND, blocked, "--plugin", TOYS, "train", toy.name, cwd=toy.parent)
    packages = ["accelerate", "albumentations", "filelock", "opencv-python-headless", "scipy"]
    assert (done.returncode, done.stderr) == (
        2,
        "pluxel train needs accelerate, albumentations, filelock, opencv-python-headless and "
        f"scipy, which are not installed: pip install {' '.join(packages)}\n",
    )


@pytest.mark.parametrize("module", ["accelerate", "timm"])
def test_training_without_a_package_is_one_error(module, toy) -> None:
    done = run(COMMAND, {module}, "--plugin", TOYS, "train", toy.name, cwd=toy.parent)
    assert (done.returncode, done.stderr) == (
        2,
        f"pluxel train needs {module}, which is not installed: pip install {module}\n",
    )


def test_python_error_matches_the_docs(tmp_path) -> None:
    done = run(f"{BLOCKED}from pluxel.core import Trainer", {"accelerate"}, cwd=tmp_path)
    message = done.stderr.splitlines()[-1].partition(": ")[2]
    assert message in PAGE
    assert message.startswith("pluxel.core.Trainer needs accelerate")


def test_every_extra_of_the_docs_exists() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == {
        "app": "anyio, starlette, uvicorn",
        "faiss": "faiss-cpu",
        "matlab": "h5py",
        "plot": "scikit-learn",
        "tiff": "rasterio, tifffile",
        "video": "av",
    }
