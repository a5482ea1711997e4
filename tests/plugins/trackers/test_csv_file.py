"""The table of all scalars."""

from __future__ import annotations

import csv
import gc
import tracemalloc
from pathlib import Path

from pluxel.plugins.trackers.csv_file import CSVFile


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "scalars.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def track(run: Path, step: int, *lines: tuple[int, dict[str, float]]) -> list[dict[str, str]]:
    tracker = CSVFile()
    tracker.start(run, {}, step)
    for number, values in lines:
        tracker.scalars(number, values)
    tracker.images(1, {})
    tracker.finish({}, "finished")
    return rows(run)


def test_a_row_for_each_step_and_a_column_for_each_name(tmp_path: Path) -> None:
    found = track(
        tmp_path,
        0,
        (2, {"train/loss": 0.1, "lr": 1e-4}),
        (4, {"train/loss": 1 / 3, "lr": 1e-4}),
        (4, {'val/iou/a, "b"\n道路': 1.0}),
        (6, {"train/loss": 0.25, "lr": 1e-5}),
    )
    empty = {'val/iou/a, "b"\n道路': ""}
    assert found == [
        {"step": "2", "train/loss": "0.1", "lr": "0.0001", **empty},
        {"step": "4", "train/loss": repr(1 / 3), "lr": "0.0001", **dict.fromkeys(empty, "1.0")},
        {"step": "6", "train/loss": "0.25", "lr": "1e-05", **empty},
    ]


def test_rows_are_there_at_once(tmp_path: Path) -> None:
    tracker = CSVFile()
    tracker.start(tmp_path, {}, 0)
    assert rows(tmp_path) == []
    for step in (1, 2):
        tracker.scalars(step, {"lr": 0.5})
        assert [row["step"] for row in rows(tmp_path)] == ["1", "2"][:step]


def test_a_resumed_training_replaces_later_rows(tmp_path: Path) -> None:
    track(tmp_path, 0, (2, {"lr": 1.0}), (4, {"lr": 1.0, "val/loss": 3.0}), (6, {"lr": 1.0}))
    assert track(tmp_path, 4, (6, {"lr": 0.5}), (8, {"lr": 0.5, "seconds": 9.0})) == [
        {"step": "2", "lr": "1.0", "val/loss": "", "seconds": ""},
        {"step": "4", "lr": "1.0", "val/loss": "3.0", "seconds": ""},
        {"step": "6", "lr": "0.5", "val/loss": "", "seconds": ""},
        {"step": "8", "lr": "0.5", "val/loss": "", "seconds": "9.0"},
    ]


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path: Path) -> None:
    track(tmp_path, 0, (2, {"lr": 1.0, "val/loss": 2.0}))
    with (tmp_path / "scalars.csv").open("a") as stream:
        stream.write("4")
    assert [row["step"] for row in track(tmp_path, 2, (4, {"lr": 0.5}))] == ["2", "4"]


def test_a_cut_off_step_that_looks_like_an_earlier_one_is_dropped(tmp_path: Path) -> None:
    track(tmp_path, 0, (1, {"lr": 1.0}), (2, {"lr": 0.5}))
    with (tmp_path / "scalars.csv").open("a") as stream:
        stream.write("1")
    assert track(tmp_path, 2, (3, {"lr": 0.25})) == [
        {"step": "1", "lr": "1.0"},
        {"step": "2", "lr": "0.5"},
        {"step": "3", "lr": "0.25"},
    ]


def test_the_step_of_the_checkpoint_may_go_on_after_a_resume(tmp_path: Path) -> None:
    track(tmp_path, 0, (2, {"lr": 1.0}), (4, {"lr": 0.5}))
    assert track(tmp_path, 4, (4, {"val/loss": 3.0})) == [
        {"step": "2", "lr": "1.0", "val/loss": ""},
        {"step": "4", "lr": "0.5", "val/loss": "3.0"},
    ]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    tracker = CSVFile()
    tracker.start(tmp_path, {}, 0)
    tracker.scalars(1, {"lr": 0.5})
    tracemalloc.start()
    for step in range(2, 2000):
        tracker.scalars(step, {"lr": 1 / step})
    tracker.scalars(2000, {"val/loss": 1.0})
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 50_000
    assert len(rows(tmp_path)) == 2000


def test_a_new_training_begins_a_new_table(tmp_path: Path) -> None:
    track(tmp_path, 0, (2, {"lr": 1.0}))
    assert track(tmp_path, 0, (1, {"val/loss": 2.0})) == [{"step": "1", "val/loss": "2.0"}]


def test_a_missing_table_begins_at_the_checkpoint(tmp_path: Path) -> None:
    assert track(tmp_path, 10, (11, {"lr": 1.0})) == [{"step": "11", "lr": "1.0"}]
