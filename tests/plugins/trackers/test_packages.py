"""Trackers of other packages, with the real packages: what they write, and that they send nothing.

Two processes train: the first fails after its checkpoint, the second resumes from there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from .conftest import ROOT, Guarded

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TOYS = ROOT / "tests" / "core" / "engine" / "toys.py"
NAMES = ("tensorboard", "wandb", "mlflow", "trackio")
TEXT = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: breaks, after: 5}
dataset: {type: squares, length: 4}
device: cpu
labels: {map: {0: 'ground & "sky"', 7: 道路, 9: ignore}}
training:
  steps: 6
  batch_size: 2
  precision: fp32
  log_every: 1
  eval_every: 3
  optimizer: {type: adamw, lr: 1e-2}
  trackers: [csv, tensorboard, wandb, mlflow, trackio]
"""
PLAIN_USE = {
    "wandb": "import wandb; run = wandb.init(mode='offline'); run.log({'a': 1}); run.finish()",
    "mlflow": (
        "import mlflow, threading; client = mlflow.MlflowClient('sqlite:///plain.db'); "
        "client.create_run('0'); threading.Event().wait(2)"
    ),
}


class Session(NamedTuple):
    """What a process that trained has left."""

    code: int
    out: str
    err: str
    sent: list[str]
    lines: list[dict[str, Any]]


class Tracked(NamedTuple):
    """Two sessions of a training, and what each tracker has of them."""

    first: Session
    second: Session
    read: dict[str, Any]
    results: dict[str, Any]


def train(guarded: Guarded, *overrides: str, **more: str) -> Session:
    run = guarded.folder / "runs" / "mine"
    arguments = ("--plugin", TOYS, "train", "toy.yaml", "--run", run, "--resume", "auto")
    done = guarded.run(HERE / "drawing.py", *arguments, *overrides, **more)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return Session(done.returncode, done.stdout, done.stderr, sorted(guarded.sent()), lines)


@pytest.fixture(scope="module")
def tracked(guarded: Guarded, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """Train once, although pytest-xdist runs the tests of this file in several processes."""
    if (name := os.environ.get("PYTEST_XDIST_TESTRUNUID")) is None:
        return track(guarded)
    file = tmp_path_factory.getbasetemp().parent / f"tracked-{name}.json"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            file.write_text(json.dumps(track(guarded)))
    first, second, *others = json.loads(file.read_text())
    return Tracked(Session(*first), Session(*second), *others)


def track(guarded: Guarded) -> Tracked:
    (guarded.folder / "toy.yaml").write_text(TEXT)
    # None of these may have an effect.
    remote = {
        "MLFLOW_TRACKING_URI": "http://192.0.2.1",
        "TRACKIO_SERVER_URL": "http://192.0.2.1",
        "WANDB_MODE": "online",
        "WANDB_API_KEY": "0" * 40,
    }
    first = train(guarded, **remote)
    second = train(guarded, "loss.after=100", **remote)
    run = guarded.folder / "runs" / "mine"
    read = guarded.run(HERE / "read_back.py", run, *NAMES)
    assert read.returncode == 0, read.stderr
    results = json.loads((run / "results.json").read_text())
    return Tracked(first, second, json.loads(read.stdout.splitlines()[-1]), results)


def test_a_training_sends_nothing(tracked: Tracked) -> None:
    assert tracked.first.sent == []
    assert tracked.second.sent == []


def test_the_guard_bites(guarded: Guarded) -> None:
    done = guarded.run("-c", "import socket; socket.create_connection(('192.0.2.1', 80))")
    assert "OSError: no connection to 192.0.2.1 in this test" in done.stderr
    assert guarded.sent() == {"192.0.2.1"}
    code = "import urllib.request; urllib.request.urlopen('https://usage.example')"
    guarded.run("-c", code)
    assert guarded.sent() == {"CONNECT usage.example:443 HTTP/1.0"}


@pytest.mark.parametrize("name", PLAIN_USE)
def test_without_pluxel_the_package_reports_its_use(guarded: Guarded, name: str) -> None:
    """Otherwise, there would be nothing to switch off, and the guard could be blind to it."""
    guarded.run("-c", PLAIN_USE[name])
    assert any(line.startswith("CONNECT ") for line in guarded.sent())


def test_no_tracker_fails(tracked: Tracked) -> None:
    first, second = tracked.first, tracked.second
    assert (first.code, second.code) == (2, 0), first.err + second.err
    for session in (first, second):
        assert "no longer tracks" not in session.err
        assert "too slow" not in session.err
    assert re.fullmatch(r"weights: .*\nresults: .*\nreport: .*\n", second.out)


def expected(tracked: Tracked, *, repeated_from: Session) -> dict[str, dict[int, float]]:
    """Return name -> step -> value; ``repeated_from``: whose values count for steps 4 and 5."""
    lines = [
        *(one for one in tracked.first.lines if one["step"] <= 3),
        *(one for one in repeated_from.lines if 3 < one["step"] <= 5),
        *(one for one in tracked.second.lines if one["step"] > 5),
    ]
    found: dict[str, dict[int, float]] = {}
    for line in lines:
        for name, value in line.items():
            if isinstance(value, float):
                found.setdefault(name, {}).setdefault(line["step"], value)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_scalars_are_read_back_without_repeated_steps(tracked: Tracked, name: str) -> None:
    latest = name == "tensorboard"  # which can hide what came after the checkpoint
    wanted = expected(tracked, repeated_from=tracked.second if latest else tracked.first)
    assert "val/iou/道路" in wanted
    assert [*wanted["train/loss"]] == [1, 2, 3, 4, 5, 6]
    found: dict[str, list[tuple[int, float]]] = {}
    for scalar, values in tracked.read[name]["scalars"].items():
        (own,) = [
            one for one in wanted if scalar == one or re.fullmatch(_as_in_mlflow(one), scalar)
        ]
        assert (scalar == own) == (
            name != "mlflow" or re.fullmatch(r"[\w/]+", own, re.ASCII) is not None
        )
        found[own] = sorted(map(tuple, values))
    # TensorBoard stores float32.
    exact = {
        one: [(step, pytest.approx(v, rel=1e-6)) for step, v in values.items()]
        for one, values in wanted.items()
    }
    assert found == exact


def _as_in_mlflow(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_\-. /]", "_", name) + "-[0-9a-f]{8}"


def test_pictures_are_read_back(tracked: Tracked) -> None:
    read = tracked.read
    steps = [1, 2, 3, 4, 5, 6]
    name = "val/pictures"
    assert [tuple(one) for one in read["tensorboard"]["images"][name]] == [
        (step, 8, 12) for step in steps
    ]
    assert [tuple(one) for one in read["wandb"]["images"][name]] == [(s, 8, 12) for s in steps]
    files = [one for one in read["mlflow"]["images"] if one.startswith("val~pictures+")]
    assert [int(re.findall(r"\+step\+(\d+)\+", one)[0]) for one in files] == steps
    assert read["trackio"]["images"][name] == steps


def test_the_configuration_and_the_results_are_read_back(tracked: Tracked) -> None:
    read, results = tracked.read, tracked.results
    for name in NAMES:
        config = read[name]["config"]
        assert config["backbone"]["type"] == "toys.py/toy"
        assert config["labels"]["map"]["7"] == "道路"
        assert len(config["training"]["trackers"]) == 5
    assert read["mlflow"]["parameters"]["training.optimizer.lr"] == "0.01"
    assert read["tensorboard"]["results"] == {"status": "finished", **results}
    assert (read["wandb"]["results"], read["wandb"]["status"]) == (results, "finished")
    assert read["mlflow"]["results"] == results
    assert any('"status": "finished"' in text for text in read["trackio"]["texts"])
    assert any("道路" in text for text in read["trackio"]["texts"])


def test_a_resumed_training_is_the_same_tracked_run(tracked: Tracked) -> None:
    ids = tracked.read["wandb"]["ids"]
    assert len(ids) >= 2
    assert len(set(ids)) == 1
    assert tracked.read["wandb"]["exits"] == [1, 0]
    assert tracked.read["mlflow"]["status"] == "FINISHED"


CONFORMS = f"""
import json, sys, tempfile
from pathlib import Path
from pluxel.core.conformance import checks_of, subjects_of
from pluxel.registry import Host
database = "sqlite:///" + str(Path(tempfile.mkdtemp()) / "mlflow.db")
given = {{"tracker/mlflow": {{"uri": database}}}}
problems = {{}}
for subject in subjects_of("pluxel", Host(allow=["pluxel"]), kinds=["tracker"], parameters=given):
    if subject.component.name in {NAMES}:
        for name, check in checks_of("tracker").items():
            problem = check.problem(subject.within(Path(tempfile.mkdtemp())))
            problems[f"{{subject}} {{name}}"] = problem
print(json.dumps(problems))
"""


def test_they_conform(guarded: Guarded, tmp_path: Path) -> None:
    done = guarded.run("-c", CONFORMS, TRACKIO_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (found,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    problems = json.loads(found)
    assert len(problems) > 80
    assert {name: problem for name, problem in problems.items() if problem} == {}
    guarded.sent()  # a check imports packages of other plugins, too


def test_the_commands_of_the_documentation_exist(guarded: Guarded) -> None:
    page = (ROOT / "docs" / "trackers.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```shell\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line) for line in block.splitlines()]
    assert [command[0] for command in commands] == [*NAMES]
    for program, *words in commands:
        verbs = [*takewhile(lambda word: word.isalpha(), words)][:1]
        options = {word for word in words if word.startswith("--")}
        shown = guarded.program(program, *verbs, "--help")
        assert shown.returncode == 0, shown.stderr
        assert options <= {*re.findall(r"--[\w-]+", shown.stdout)}
