"""The state of a training, read from the files of its run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from pluxel.core import Run, Trainer
from pluxel.core.cli.watch import sparkline, watch
from pluxel.core.engine.session_log import SessionLog
from pluxel.core.engine.watching import watched


@pytest.mark.slow
def test_a_training_is_watched_from_before_its_start_to_its_end(make) -> None:
    trainer = Trainer(make("training.monitor=val/loss"))
    run, seen = trainer.run, []
    assert watched(run).status == "waiting"
    step = trainer.current.step

    def watching(*arguments):
        step(*arguments)
        seen.append(watched(run))

    trainer.current.step = watching
    trainer.train()
    assert {state.status for state in seen} == {"training"}
    assert [state.planned for state in seen] == [6] * 6
    assert [state.step for state in seen] == [0, 2, 2, 4, 4, 6]
    assert seen[0].remaining is None
    known = [state.remaining for state in seen[2:] if state.remaining is not None]
    assert len(known) >= 3
    assert known[-1] == 0
    found = watched(run)
    assert (found.status, found.step) == ("finished", 6)
    first = found.scalars[0]
    assert first.name == "val/loss"
    logged = {r["val/loss"]: r["step"] for r in run.records() if "val/loss" in r}
    assert first.best == (min(logged), logged[min(logged)])


def write(folder: Path, records: list[dict[str, object]], **training: object) -> Run:
    run = Run(folder)
    folder.mkdir(exist_ok=True)
    run.config.write_text(json.dumps({"pluxel": {}, "training": training}))
    run.metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


def test_each_look_reads_the_log_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write(tmp_path / "run", [{"step": 5, "seconds": 1.0, "train/loss": 0.25}])
    reads, records = [], Run.records

    def counted(one: Run) -> list[dict[str, object]]:
        reads.append(one.directory)
        return records(one)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "records", counted)
    monkeypatch.setattr("pluxel.core.cli.watch.time.sleep", interrupt)
    found = CliRunner().invoke(watch, [str(run.directory)])
    assert found.output.splitlines()[0] == "step 5: train/loss 0.25"
    assert reads == [run.directory]


def test_lines_of_a_resumed_training_are_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resume drops the lines after its checkpoint, at step 2, and then logs more of them."""

    def records(steps: range, loss: float) -> list[dict[str, object]]:
        return [{"step": n, "seconds": float(n), "train/loss": loss} for n in steps]

    kept = records(range(1, 3), 0.5)
    looks = [kept + records(range(3, 5), 0.4), kept + records(range(3, 7), 0.3)]
    run = write(tmp_path / "run", looks.pop(0))

    def resume(_seconds: float) -> None:
        if not looks:
            raise KeyboardInterrupt
        write(tmp_path / "run", looks.pop(0))

    monkeypatch.setattr("pluxel.core.cli.watch.time.sleep", resume)
    lines = CliRunner().invoke(watch, [str(run.directory)]).output.splitlines()
    shown = [line for line in lines if line.startswith("step")]
    assert shown == [
        *(f"step {n}: train/loss 0.5" for n in (1, 2)),
        *(f"step {n}: train/loss 0.4" for n in (3, 4)),
        *(f"step {n}: train/loss 0.3" for n in (3, 4, 5, 6)),
    ]


def test_time_left_follows_the_recent_speed(tmp_path: Path) -> None:
    records = [{"step": n, "seconds": float(n), "train/loss": 1.0} for n in range(1, 51)]
    records += [
        {"step": n, "seconds": 50 + 10.0 * (n - 50), "train/loss": 1.0} for n in range(51, 101)
    ]
    run = write(tmp_path / "run", records)
    session_log = SessionLog()
    session_log.begin(0, torch.device("cpu"), 1).planned_steps = 110
    session_log.write(run.session_log)
    assert watched(run).status == "killed"
    assert watched(run).remaining is None
    run.lock.touch()
    assert watched(run).remaining == pytest.approx(100)


def test_a_metric_that_is_an_error_is_best_where_it_is_low(make) -> None:
    trainer = Trainer(
        make("evaluation.metrics=[calibration]", "training.monitor=val/calibration_error")
    )
    trainer.train()
    first = watched(trainer.run).scalars[0]
    values = [r[first.name] for r in trainer.run.records() if first.name in r]
    assert first.name == "val/calibration_error"
    assert first.best is not None
    assert first.best[0] == min(values) < max(values)


@pytest.mark.parametrize(
    ("monitor", "mode", "best"),
    [
        ("val/mean_iou", "max", (0.7, 2)),
        ("val/mean_iou", "min", (0.2, 1)),
        ("val/mean_iou", None, None),
        (None, None, None),
    ],
)
def test_the_best_value_follows_the_monitor(tmp_path: Path, monitor, mode, best) -> None:
    values = [0.2, 0.7, None, 0.5]
    records = [
        {"step": n + 1, "seconds": 1.0, "val/mean_iou": value, "val/iou/road": value}
        for n, value in enumerate(values)
    ]
    run = write(tmp_path / "run", records, monitor=monitor)
    session_log = SessionLog()
    session_log.begin(0, torch.device("cpu"), 1).monitor_mode = mode
    session_log.write(run.session_log)
    (scalar,) = watched(run).scalars
    assert (scalar.name, scalar.best) == ("val/mean_iou", best)


def test_a_damaged_configuration_is_no_obstacle(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [{"step": 1, "seconds": 1.0, "train/loss": 2.0}])
    run.config.write_text("{half")
    assert watched(run).scalars[0].best == (2.0, 1)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([3.0, 3.0], "▁▁"),
        ([math.nan, 1.0, 2.0], " ▁█"),
        ([math.nan], " "),
    ],
)
def test_curves_of_blocks(values: list[float], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_long_curves_are_means_of_neighbors() -> None:
    assert sparkline([0.0, 2.0, 1.0, 1.0, 7.0, 9.0, math.nan, 8.0], 4) == "▁▁██"
    assert len(sparkline([*range(1000)], 40)) == 40
