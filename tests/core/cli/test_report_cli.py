"""``pluxel report``, and the pages that training and evaluation write, in real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .conftest import environment

pytestmark = pytest.mark.slow

TRAIN = "train shapes_fcn8s_resnet18 training.steps=2 training.batch_size=2 training.ema=null"
SMALL = "dataset.size=32 dataset.length=3 training.schedule.warmup_steps=0 device=cpu"


def pluxel(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pluxel", *words],
        cwd=folder,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    trained = pluxel(folder, *f"{TRAIN} {SMALL} --run runs/first".split())
    assert trained.returncode == 0, trained.stderr
    assert "report: runs/first/report.html\n" in trained.stdout
    return folder


def test_evaluation_writes_the_page_of_its_split(folder: Path) -> None:
    done = pluxel(folder, "evaluate", "runs/first", "--split", "train")
    assert "report: runs/first/report-train.html\n" in done.stdout
    page = folder / "runs/first/report-train.html"
    assert "<title>Report of first on train</title>" in page.read_text()
    page.unlink()
    assert "report:" not in pluxel(folder, "evaluate", "runs/first", "--no-report").stdout
    elsewhere = pluxel(folder, "evaluate", "runs/first", "--split", "train", "--output", "o.json")
    assert "report:" not in elsewhere.stdout
    assert not page.exists()


def test_pages_of_several_runs(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "first").symlink_to(folder / "runs" / "first")
    both = pluxel(folder, "report", "runs/first", "other/first", "--output", "pages")
    assert both.stdout == "pages/runs-first.html\npages/other-first.html\n", both.stderr
    twice = pluxel(folder, "report", "runs/first", "./runs/first", "--output", "pages")
    assert (twice.returncode, twice.stderr) == (2, "a run is given twice\n")
    done = pluxel(folder, "report", "runs/first", "--output", "pages")
    assert done.stdout == "pages/first.html\n", done.stderr
    again = pluxel(folder, "report", "runs/first", "--output", "pages")
    assert "pages/first.html already exists; --overwrite replaces it" in again.stderr
    assert (
        pluxel(folder, "report", "runs/first", "--output", "pages", "--overwrite").returncode == 0
    )
    (folder / "runs/first/within").mkdir()
    inside = pluxel(
        folder / "runs/first/within", "report", "..", "--split", "train", "--output", str(folder)
    )
    assert inside.stdout == f"{folder}/first-train.html\n", inside.stderr
    nothing = pluxel(folder, "report", "runs")
    assert (nothing.returncode, nothing.stderr) == (
        2,
        "runs is not a run: it has no config.yaml\n",
    )


def test_a_page_is_served_until_ctrl_c(folder: Path) -> None:
    both = pluxel(folder, "report", "runs/first", "--serve", "--output", "pages")
    assert "--serve shows one RUN and writes no file" in both.stderr
    command = [sys.executable, "-m", "pluxel", "report", "runs/later", "--serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        line = server.stdout.readline()
        address = re.findall(r"http://127\.0\.0\.1:\d+/", line)[0]
        assert server.stdout.readline() == "waiting for the training to start\n"
        with pytest.raises(urllib.error.HTTPError) as waiting:
            urllib.request.urlopen(address, timeout=60)
        assert waiting.value.read() == b"runs/later: waiting for the training to start"
        shutil.copytree(folder / "runs" / "first", folder / "runs" / "later")
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"<title>Report of later on val</title>" in answer.read()
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(60) == 0
