"""The statistics that a run keeps of each image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pluxel.core import Run, load_config
from pluxel.core.data.groups import group_of
from pluxel.core.data.splits import open_split
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.trained import open_trained
from pluxel.registry import Host, PluxelError

METRICS = "evaluation.metrics=[dice, {type: boundary_iou, pixels: 2}]"


@pytest.fixture
def run(train) -> Run:
    return train(METRICS, "training.steps=2", "training.eval_every=1")


def test_they_are_those_of_the_results(run: Run) -> None:
    kept = ImageStatistics.read(run.statistics_of("val"))
    results = json.loads(run.results_of("val").read_text())
    found, head = results["heads"]["semantic"], kept.heads["semantic"]
    assert (kept.step, kept.split, kept.groups) == (results["step"], "val", [])
    assert kept.names == [row["name"] for row in found["per_image"]]
    counts = head.rows["counts"].dense(slice(None))
    np.testing.assert_array_equal(
        counts[..., 1].sum(1), [row["pixels"] for row in found["per_image"]]
    )
    right, labeled, predicted = counts.sum(0).T
    iou = [found["per_class"][name]["iou"] for name in head.class_names]
    np.testing.assert_allclose(right / (labeled + predicted - right), iou)
    np.testing.assert_array_equal(head.confusion.diagonal(), right)
    assert head.confusion.sum() == found["pixels"]
    common, union = head.rows["boundary_iou"].total().T
    boundary = [found["per_class"][name]["boundary_iou"] for name in head.class_names]
    np.testing.assert_allclose(common / union, boundary)
    # Dice follows from the counts.
    assert [*head.rows] == ["counts", "boundary_iou", "reliability", "objects"]
    assert head.metrics["boundary_iou"]["pixels"] == 2
    assert [*head.metrics] == ["dice", "boundary_iou"]


def test_evaluate_writes_them_beside_the_results(run: Run, host: Host) -> None:
    before = run.statistics_of("val").read_bytes()
    trained = open_trained(run.directory, ["evaluation.metrics=[recall]"], host=host)
    evaluate_run(trained, "train")
    kept = ImageStatistics.read(run.statistics_of("train"))
    assert (kept.split, [*kept.heads["semantic"].metrics]) == ("train", ["recall"])
    assert run.statistics_of("train").name == "statistics-train.npz"
    evaluate_run(trained, "val", output=run.directory.parent / "other.json")
    assert run.statistics_of("val").read_bytes() == before  # results elsewhere change nothing here
    run.delete()
    assert [*run.directory.rglob("*")] == []


def test_a_phase_keeps_its_own(run: Run) -> None:
    run.keep_phase("first", run.config.read_text())
    kept = run.phase("first").statistics_of("val")
    assert kept.read_bytes() == run.statistics_of("val").read_bytes()
    run.delete()
    assert [*run.directory.rglob("*")] == []


def test_files_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluxel.core.engine.evaluation import image_statistics  # noqa: PLC0415

    path = run.statistics_of("val")
    found = ImageStatistics.read(path)
    newer = type(image_statistics.STATISTICS_FORMAT)("statistics", 2)
    with monkeypatch.context() as patch:
        patch.setattr(image_statistics, "STATISTICS_FORMAT", newer)
        found.write(path)
    with pytest.raises(PluxelError) as caught:
        ImageStatistics.read(path)
    assert str(caught.value) == (
        f"{path} was written by a newer Pluxel (version 2 of the statistics format; this one opens "
        "version 1): pip install --upgrade pluxel"
    )
    for content in (b"", b"PK\x03\x04", path.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(PluxelError, match="is damaged$"):
            ImageStatistics.read(path)
    path.unlink()
    with pytest.raises(PluxelError, match="does not exist$"):
        ImageStatistics.read(path)


def test_groups_are_those_of_the_dataset(
    make, host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    experiment = make()
    kind = type(experiment.prepared.dataset("val"))
    monkeypatch.setattr(kind, "group_of", lambda _, index: f"g{index // 3}", raising=False)
    found = experiment.evaluate(experiment.model, "val")
    assert found.groups == [f"g{index // 3}" for index in range(len(found.groups))]
    config = load_config(tmp_path / "toy.yaml", host=host)
    parts = open_split(config.pipeline.dataset, "val[3:5] + train[:1]")
    assert [group_of(parts, index) for index in range(3)] == ["g1", "g1", "g0"]
