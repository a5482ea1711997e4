"""What ``pluxel new`` writes installs, passes its tests and trains, before a line is changed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pluxel.registry import KINDS

from ... import warm
from ...conftest import Once

pytestmark = pytest.mark.slow

NAMES = {kind: f"acme-{kind}" for kind in KINDS}
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
USAGE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(env: dict[str, str], folder: Path, *command: str | Path) -> str:
    """Run another program than pluxel."""
    done = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pluxel(env: dict[str, str], folder: Path, *arguments: str) -> str:
    done = warm.run(arguments, folder, env, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def make(folder: Path) -> None:
    """Write a new package of each kind, and install them as their READMEs say.

    Not in editable form: pip puts that into the environment of the tests themselves.
    """
    for kind, name in NAMES.items():
        pluxel(dict(os.environ), folder, "new", kind, name)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", "site", *(f"./{n}" for n in NAMES.values())]
    run(dict(os.environ), folder, *command)


@pytest.fixture(scope="session")
def folder(once: Once, in_processes: None) -> Path:
    """Return a folder with a new package of each kind, which are installed in ``site``."""
    return once("new-packages", make)


@pytest.fixture(scope="session")
def env(folder: Path) -> dict[str, str]:
    """Return the environment to use the packages in."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PLUXEL_CACHE": str(folder / "cache"),
        "PYTHONPATH": str(folder / "site"),
    }


def test_they_conform(folder: Path, env: dict[str, str]) -> None:
    """In one process, which imports torch once."""
    tests = [f"{name}/tests" for name in NAMES.values()]
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", *tests]
    shown = run(env, folder, *command)
    assert re.search(r"^\d+ passed", shown, re.MULTILINE), shown


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_of_the_readme(folder: Path, env: dict[str, str], kind: str) -> None:
    """The last one trains 20 steps; `test_they_conform` runs pytest."""
    place = folder / NAMES[kind]
    page = (place / "README.md").read_text("utf-8")
    (block,) = COMMANDS.findall(page)
    install, test, *others = (shlex.split(line) for line in block.splitlines())
    assert install == ["pip", "install", "--editable", ".[test]"]
    assert test == ["pytest"]
    for program, *arguments in others:
        assert program == "pluxel"
        shown = pluxel(env, place, *arguments, *more(arguments))
    assert "trained 20 steps" in shown
    assert (place / "runs" / NAMES[kind] / "weights.safetensors").is_file()


def more(arguments: list[str]) -> list[str]:
    """Return overrides that make a training short: a tiny network, where the recipe allows it."""
    tiny = ["backbone.model=test_resnet", "device=cpu"]
    return tiny if arguments[0] == "train" and arguments[1] != "acme-backbone.yaml" else []


@pytest.mark.parametrize("kind", KINDS)
def test_the_pipeline_of_the_readme(folder: Path, env: dict[str, str], kind: str) -> None:
    page = (folder / NAMES[kind] / "README.md").read_text("utf-8")
    (usage,) = USAGE.findall(page)
    text = usage.replace("PATH", str(folder / "acme-dataset" / "tests" / "data"))
    (folder / f"{kind}.yaml").write_text(f"base: shapes_fcn8s_resnet18\n{text}", "utf-8")
    assert pluxel(env, folder, "config", "check", f"{kind}.yaml").startswith("ok: ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_for_a_single_file(folder: Path, env: dict[str, str], kind: str) -> None:
    name = f"single_{kind}"
    shown = pluxel(env, folder, "new", kind, name, "--here")
    commands = shown.partition("next:\n")[2].splitlines()
    assert commands
    data = str(folder / "acme-dataset" / "tests" / "data")
    for command in commands:
        program, *arguments = shlex.split(command.replace("PATH", data))
        assert program == "pluxel"
        if "train" in arguments:  # whether it could; test_the_commands_of_the_readme trains
            arguments[arguments.index("train") : arguments.index("train") + 1] = ["config", "check"]
        shown = pluxel(env, folder, *arguments)
        assert name in shown or kind not in ("backbone", "decoder", "loss", "dataset")


def test_they_build_for_pypi(folder: Path) -> None:
    """A wheel holds the data files that a component reads."""
    place = folder / NAMES["embedding"]
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    run(dict(os.environ), place, *command)
    (wheel,) = (place / "dist").glob("*.whl")
    listed = run(dict(os.environ), place, sys.executable, "-m", "zipfile", "-l", str(wheel))
    assert "acme_embedding/vectors.txt" in listed
    assert "acme_embedding/plugin.py" in listed
