"""Pictures in the run while it trains: what they show, and that they never stop a training."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Experiment, Run, Trainer
from pluxel.core.engine.evaluation.snapshots import SIDE, Snapshot, Snapshots, evenly_spread
from pluxel.core.engine.run_pictures import MOST_PANELS
from pluxel.core.engine.training import pictures
from pluxel.core.engine.training.phase import PhaseTrainer
from pluxel.core.engine.training.pictures import panel_of
from pluxel.core.engine.training.tracking import Tracking
from pluxel.registry import PluxelError

from ..conftest import Train

PICTURES = {"curves.png", "confusion.png", "panel.png"}


def found(run: Run) -> set[str]:
    folder = run.directory / "results"
    return {str(file.relative_to(folder)) for file in folder.rglob("*.png")}


def kept(run: Run) -> list[int]:
    return [*run.pictures.panels()]


@pytest.fixture(autouse=True)
def _each_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_TIME", math.inf)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[Snapshot]]]:
    """Record the images of each panel, with its title."""
    calls: list[tuple[str, Sequence[Snapshot]]] = []

    def record(shots, spaces, title):
        calls.append((title, shots))
        return panel_of(shots, spaces, title)

    monkeypatch.setattr(pictures, "panel_of", record)
    return calls


def test_each_evaluation_draws_the_same_images(train: Train, drawn) -> None:
    run = train("training.pictures=3", "training.steps=4", "training.eval_every=2")
    assert found(run) == PICTURES | {f"history/panel-0000000{step}.png" for step in (2, 4)}
    assert [title for title, _ in drawn] == ["step 2", "step 4"]
    for _, shots in drawn:
        assert [shot.name for shot in shots] == ["val1", "val5", "val8"]
    last = Path(run.pictures.panels()[4]).read_bytes()
    assert run.pictures.file("panel").read_bytes() == last
    first = drawn[0][1][0]
    assert first.image.shape == (200, 240, 3)
    assert first.truth["semantic"].shape == first.predicted["semantic"].shape == (200, 240)
    assert {*np.unique(first.truth["semantic"]).tolist()} == {0, 1, 255}
    with Image.open(run.pictures.file("panel")) as file:
        panel = np.asarray(file)
    rows = [find_rows(panel, shot.image) for shot in drawn[1][1]]
    assert all(rows)
    assert rows == sorted(rows)


def find_rows(panel: np.ndarray, image: np.ndarray) -> list[int]:
    """Return the rows of a panel at which an image starts, in the first column."""
    height, width = image.shape[:2]
    part = panel[:, 6 : 6 + width]
    starts = range(len(part) - height + 1)
    return [row for row in starts if np.array_equal(part[row : row + height], image)]


def test_curves_show_what_was_logged(train: Train) -> None:
    run = train("training.pictures=1")
    axes = run.plot_curves("val/mean_iou", "train/loss")
    lines = {line.get_label(): line for line in axes.get_lines()}
    logged = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    scores = [one for one in logged if "val/mean_iou" in one]
    assert lines["mean IoU"].get_xdata().tolist() == [3, 6] == [one["step"] for one in scores]
    values = [one["val/mean_iou"] for one in scores]
    assert lines["mean IoU"].get_ydata().tolist() == values
    assert lines["loss on train"].get_xdata().tolist() == [2, 4, 6]
    assert run.plot_curves(ax=axes) is axes
    assert {"loss on train", "loss on val"} <= {line.get_label() for line in axes.get_lines()}
    with pytest.raises(PluxelError, match=r"has no scalar 'val/iou'. Did you mean"):
        run.plot_curves("val/iou")
    with pytest.raises(PluxelError, match=r"nowhere is not a run, or its training logged nothing"):
        Run(Path("nowhere")).plot_curves()
    assert "data:image/png;base64,iVBOR" in run._repr_html_()


def test_no_pictures_without_images(train: Train) -> None:
    assert not (train().directory / "results").exists()


def test_without_a_split_to_evaluate_there_are_only_curves(train: Train) -> None:
    run = train("training.pictures=2", "training.monitor=null", "splits={train: train}")
    assert found(run) == {"curves.png"}


def test_each_head_has_a_confusion_matrix(train: Train) -> None:
    text = """\
streams: {image: {input: image, backbone: toy}}
dataset: squares
device: cpu
training: {steps: 1, precision: fp32, pictures: 1}
heads:
  one: {decoder: fcn32s, loss: cross_entropy, target: semantic}
  two: {decoder: fcn32s, loss: cross_entropy, target: halves}
"""
    run = train(text=text)
    assert found(run) - {"history/panel-00000001.png"} == {
        "curves.png", "confusion-one.png", "confusion-two.png", "panel.png"
    }  # fmt: skip


def test_the_history_is_bounded_and_spread_over_training(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.pictures.folder.mkdir()
    run.pictures.file("panel").write_bytes(b"x")
    for step in range(100, 2001, 100):
        run.pictures.keep_panel(step)
        assert len(kept(run)) <= MOST_PANELS
    steps = kept(run)
    assert (steps[0], steps[-1]) == (100, 2000)
    assert max(np.diff(steps)) <= 3 * min(np.diff(steps))


def test_resuming_forgets_later_panels_and_deleting_keeps_files_of_others(train: Train) -> None:
    options = ("training.pictures=1", "training.eval_every=1", "training.steps=3")
    run = train(*options)
    assert kept(run) == [1, 2, 3]
    run.forget_after(2)
    assert kept(run) == [1, 2]
    mine = [run.directory / "results" / name for name in ("mine.png", "history/panel-a.png")]
    for file in mine:
        file.write_bytes(b"mine")
    run.delete()
    left = {file for file in run.directory.rglob("*") if file.is_file()}
    assert left == {*mine}
    for file in mine:
        file.unlink()


def test_pictures_of_others_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    own = tmp_path / "results" / "curves.png"
    own.write_bytes(b"mine")
    with pytest.raises(PluxelError, match=f"training would overwrite {own}, which does not belong"):
        Run(tmp_path).check_claim(None, resume=None, overwrite=False)


def test_a_failure_warns_once_and_training_goes_on(
    train: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_records: object) -> None:
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr(pictures, "curves_picture", fail)
    with caplog.at_level(logging.WARNING, "pluxel"):
        run = train("training.pictures=1", "training.eval_every=1", "training.steps=3")
    warnings = [r.getMessage() for r in caplog.records if "pictures" in r.getMessage()]
    assert warnings == ["cannot draw pictures of the training, which goes on: no ink"]
    assert run.step_of_results() is not None
    assert found(run) == set()


def test_a_folder_that_cannot_be_written_does_not_stop_a_training(
    make: Callable[..., Experiment], caplog: pytest.LogCaptureFixture
) -> None:
    experiment = make("training.pictures=1", "training.steps=1")
    experiment.run.directory.mkdir()
    (experiment.run.directory / "results").write_text("a file, not a folder")
    with caplog.at_level(logging.WARNING, "pluxel"):
        Trainer(experiment).train()
    assert "cannot draw pictures of the training, which goes on: cannot write" in caplog.text


def test_an_image_that_cannot_be_drawn_does_not_stop_an_evaluation(
    train: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("odd pixels")

    monkeypatch.setattr(Snapshots, "_take", fail)
    with caplog.at_level(logging.WARNING, "pluxel"):
        run = train("training.pictures=1", "training.steps=1")
    assert "cannot draw val5: odd pixels" in caplog.text
    assert found(run) == {"curves.png", "confusion.png"}


def test_drawing_takes_a_bounded_share_of_the_time(
    train: Train, drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_TIME", 1e-9)
    run = train("training.pictures=1", "training.steps=6", "training.eval_every=2")
    assert [title for title, _ in drawn] == ["step 2", "step 6"]
    assert kept(run) == [2, 6]


def test_the_last_pictures_are_drawn_when_a_training_fails(
    make: Callable[..., Experiment], drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_TIME", 1e-9)
    trainer = Trainer(make("training.pictures=1", "training.steps=6", "training.eval_every=2"))

    step = PhaseTrainer.step

    def fail(phase: PhaseTrainer, batches, advance) -> None:
        if phase.progress.step == 5:
            raise KeyboardInterrupt
        step(phase, batches, advance)

    monkeypatch.setattr(PhaseTrainer, "step", fail)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert [title for title, _ in drawn] == ["step 2", "step 4"]


def test_trackers_get_the_pictures_that_are_saved(
    make: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, dict[str, np.ndarray]]] = []
    monkeypatch.setattr(Tracking, "images", lambda _, step, found: heard.append((step, found)))
    experiment = make("training.pictures=1", "training.steps=1")
    Trainer(experiment).train()
    ((step, arrays),) = heard
    assert step == 1
    assert arrays.keys() == {"curves", "confusion", "panel"}
    for name, array in arrays.items():
        assert array.dtype == np.uint8
        with Image.open(experiment.run.pictures.file(name)) as file:
            assert np.array_equal(np.asarray(file), array)


@pytest.mark.parametrize(
    ("length", "count", "indices"),
    [
        (10, 4, [1, 3, 6, 8]),
        (1, 4, [0]),
        (3, 3, [0, 1, 2]),
        (100_000, 2, [25_000, 75_000]),
        (5, 0, []),
    ],
)
def test_images_are_chosen_evenly(length: int, count: int, indices: list[int]) -> None:
    assert evenly_spread(length, count) == indices
    assert SIDE == 240
