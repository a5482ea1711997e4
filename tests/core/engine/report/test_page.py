"""Reports show what a run has, and say what it lacks."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pluxel.core import Run
from pluxel.core.engine.evaluation.bootstrap import make_blocks
from pluxel.core.engine.evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from pluxel.core.engine.evaluation.measures import COUNTS
from pluxel.core.engine.evaluation.ranking import PER_CLASS
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row
from pluxel.core.engine.report import gallery, head_report, series
from pluxel.core.engine.report.head_report import HeadReport
from pluxel.core.engine.report.page import report_page, try_report, write_report
from pluxel.core.engine.report.series import series_of
from pluxel.registry import Host, PluxelError

from .conftest import ATTACK, NAMES, invented
from .read_page import Page, page_of

pytestmark = pytest.mark.slow


def test_numbers_are_those_of_the_results(run: Run, toys: Host) -> None:
    page = page_of(run, toys)
    assert page.notes == []
    assert "fcn32s on toy; mean IoU " in page.text
    results = json.loads(run.results_of("val").read_text())
    found = results["heads"]["semantic"]
    for score in ("pixel_accuracy", "mean_accuracy", "mean_iou", "dice", "boundary_iou"):
        assert f"{100 * found['overall'][score]:.1f}" in page.texts
    for name, scores in found["per_class"].items():
        at = page.texts.index(name)
        row = page.texts[at + 1 : at + 9]
        assert row[0] == f"{100 * scores['iou']:.1f}"
        for key in ("accuracy", "dice", "boundary_iou"):
            assert f"{100 * scores[key]:.1f}" in row
    (head,) = page.data["heads"]
    images = dict(zip(head["images"]["names"], head["images"]["mean_iou"], strict=True))
    for row in found["per_image"]:
        assert images[row["name"]] == pytest.approx(row["mean_iou"], abs=1e-4)
    assert head["images"]["mean_iou"] == sorted(head["images"]["mean_iou"])
    assert sum(map(sum, head["confusion"]["pixels"])) == found["pixels"]
    assert sum(bin_["fraction"] for bin_ in head["reliability"]["bins"]) == pytest.approx(1)
    assert (
        {one["class"] for one in head["sizes"]["classes"]}
        == {*head["classes"]}
        == {NAMES[0], NAMES[7]}
    )


def test_what_was_trained_and_where(run: Run, toys: Host) -> None:
    page = page_of(run, toys)
    text = page.text
    rows = dict(zip(page.texts, page.texts[1:], strict=False))
    assert rows["steps"] == "12"
    assert rows["sessions" if "sessions" in rows else "device"] == "cpu"
    assert rows["training.steps"] == "12"
    assert "override 'training.steps=12'" in text
    assert rows["backbone.type"] == "toys.py/toy"
    assert "stride 4" in text
    assert "6 classes" not in text
    assert "2 classes" in text
    names = {series["name"] for series in page.data["series"]}
    assert {"train/loss", "val/mean_iou", "lr", "val/dice"} <= names
    loss = next(s for s in page.data["series"] if s["name"] == "train/loss")
    assert loss["steps"] == [*range(1, 13)]
    logged = [r["train/loss"] for r in run.records() if "train/loss" in r]
    assert loss["values"] == pytest.approx(logged, rel=1e-4)


def test_pictures_are_chosen_by_the_statistics(run: Run, toys: Host) -> None:
    (head,) = page_of(run, toys).data["heads"]
    kept = ImageStatistics.read(run.statistics_of("val"))
    by_name = {picture["name"]: picture for picture in head["pictures"]}
    scores = head["images"]["mean_iou"]
    for reason, score in {"worst": scores[0], "best": scores[-1]}.items():
        assert score in {p["mean_iou"] for p in by_name.values() if reason in p["reasons"]}
    for index in (0, 1):
        counts = next(iter(kept.heads.values())).rows[COUNTS].dense(slice(None))[:, index]
        wrong = {
            name: labeled + predicted - 2 * right
            for name, (right, labeled, predicted) in zip(kept.names, counts.tolist(), strict=True)
        }
        of_class = [p for p in head["pictures"] if index in p["reasons"]]
        assert {p["name"]: p["wrong"][str(index)] for p in of_class} == dict(
            sorted(wrong.items(), key=lambda item: -item[1])[:PER_CLASS]
        )


def test_names_that_attack_are_texts(run: Run, toys: Host) -> None:
    text = report_page(run.directory, host=toys)
    assert ATTACK not in text
    assert "<script>document" not in text
    assert ATTACK in Page(text).text


@pytest.mark.parametrize("number", [97, 5000])
def test_intervals_contain_the_scores(number: int, toys: Host) -> None:
    head = invented(5, number)
    names = [f"{at:05}" for at in range(number)]
    report = HeadReport(head, names, make_blocks(names), toys)
    tables = report.tables()
    for score in [*tables.overall, *(one["iou"] for one in tables.classes)]:
        assert score["low"] < score["value"] < score["high"]
    widths = {one["title"]: one["high"] - one["low"] for one in tables.overall}
    assert 0.002 < widths["mean IoU"] * number**0.5 < 10


def report_of(head: HeadImageStatistics, host: Host) -> HeadReport:
    names = [f"{at:05}" for at in range(len(head.rows["counts"]))]
    return HeadReport(head, names, make_blocks(names), host)


def test_sizes_are_compared_over_the_same_classes(toys: Host) -> None:
    """Only the easy class has small objects: that does not make small objects easier."""
    total = np.zeros((3, 3, 3), np.int64)
    total[0] = [[100, 90, 0], [100, 90, 0], [100, 90, 0]]
    total[1] = [[0, 0, 5], [100, 10, 0], [100, 10, 0]]
    head = invented(3, 1)
    head.rows["objects"] = ImageRows.stacked([sparse_row(total)], (3, 3, 3), int)
    sizes = report_of(head, toys).sizes()
    assert sizes is not None
    assert [one["iou"] for one in sizes["means"]] == pytest.approx([0.9, 0.9, 0.9])
    assert (sizes["compared"], sizes["total"]) == (1, 2)
    shown = [(one["class"], one["size"], one["compared"]) for one in sizes["classes"]]
    assert ("class 1", "large", False) in shown
    assert len(shown) == 5


def test_the_confusion_of_many_classes_is_bounded(toys: Host, monkeypatch) -> None:
    monkeypatch.setattr(head_report, "MOST_CONFUSED", 2)
    head = replace(
        invented(4, 5),
        confusion=np.array([[9, 0, 0, 1], [0, 900, 0, 0], [0, 1, 3, 50], [1, 0, 0, 40]]),
    )
    assert report_of(head, toys).confusion() == {
        "shown": [2, 3],
        "pixels": [[3, 50], [0, 40]],
        "labeled": [54, 41],
        "predicted": [3, 91],
    }


def test_scalars_have_titles(monkeypatch) -> None:
    values = {"val/loss": 1, "val/mean_iou_present": 1, "val/iou/a/b": 1, "val/boundary_iou/a": 1}
    records = [{"step": step, **values, "lr": 1, "train/loss": 1} for step in range(100)]
    found = {one["name"]: one for one in series_of(records)}
    assert {name: one["title"] for name, one in found.items()} == {
        "val/loss": "loss on val",
        "val/mean_iou_present": "mean IoU, if present",
        "val/iou/a/b": "IoU of a/b",
        "val/boundary_iou/a": "Boundary IoU of a",
        "lr": "learning rate",
        "train/loss": "loss on train",
    }
    heads = [{"step": 1, "val/x/loss": 1, "val/x/mean_iou": 1, "val/x/iou/a": 1}]
    assert [one["title"] for one in series_of(heads)] == [
        "x: loss on val",
        "x: mean IoU",
        "x: IoU of a",
    ]
    monkeypatch.setattr(series, "MOST_POINTS_OF_CLASSES", 20)
    assert {name: len(one["steps"]) for name, one in found.items()}["val/iou/a/b"] == 100
    shorter = {one["name"]: len(one["steps"]) for one in series_of(records)}
    assert (shorter["val/iou/a/b"], shorter["val/loss"]) == (10, 100)


def test_the_pipeline_is_drawn_for_an_evaluated_image(run: Run, toys: Host) -> None:
    assert "for image val0 of val of 20×24 pixels" in page_of(run, toys).text
    run.statistics_of("val").unlink()
    assert "for any image of 512×512 pixels" in page_of(run, toys).text


def test_a_page_of_many_images_is_bounded(with_statistics, toys: Host, monkeypatch) -> None:
    monkeypatch.setattr(head_report, "MOST_IMAGES", 100)
    run = with_statistics(4, 1000)
    (head,) = page_of(run, toys).data["heads"]
    images = head["images"]
    assert (images["total"], len(images["names"]), len({*images["names"]})) == (1000, 100, 100)
    report = HeadReport(
        ImageStatistics.read(run.statistics_of("val")).heads["semantic"],
        [f"street_{number:06}" for number in range(1000)],
        make_blocks(["a"] * 1000),
        toys,
    )
    assert images["mean_iou"][:50] == np.sort(report.means)[:50].round(4).tolist()
    assert images["mean_iou"][-1] == pytest.approx(report.means.max(), abs=1e-4)


def test_pictures_are_bounded(run: Run, toys: Host, monkeypatch) -> None:
    monkeypatch.setattr(gallery, "LIMIT", 1)
    page = page_of(run, toys)
    assert len(page.data["heads"][0]["pictures"]) == 1
    assert any("would make this page too large" in note for note in page.notes)


def test_a_training_goes_on(run: Run, toys: Host) -> None:
    run.lock.touch()
    assert page_of(run, toys).notes == ["This run is still training; the page shows it so far."]
    long_ago = run.lock.stat().st_mtime - 100
    os.utime(run.lock, (long_ago, long_ago))
    assert page_of(run, toys).notes == []


def test_files(run: Run, toys: Host, tmp_path: Path) -> None:
    assert write_report(run.directory, host=toys) == run.directory / "report.html"
    assert write_report(run.directory, "a b", host=toys).name.startswith("report-a_b-")
    run.results_of("test").write_text('{"split": "test"}')
    assert write_report(run.directory, "test", host=toys).name == "report-test.html"
    (run.directory / "report-of-mine.html").touch()
    Run(run.directory).delete()
    left = {path.name for path in run.directory.iterdir()}
    assert {name for name in left if not name.startswith("report-a_b-")} == {"report-of-mine.html"}
    with pytest.raises(PluxelError, match=r"is not a run: it has no config\.yaml"):
        write_report(tmp_path, host=toys)


def test_a_page_that_cannot_be_written(run: Run, toys: Host, caplog) -> None:
    run.report_of("val").mkdir()
    (run.report_of("val") / "file").touch()
    with pytest.raises(PluxelError, match=r"report\.html"):
        write_report(run.directory, host=toys)
    assert try_report(run.directory, host=toys) is None
    assert "cannot write the report of" in caplog.text


def photos_of(page: Page) -> dict[str, str]:
    (head,) = page.data["heads"]
    return {one["name"]: page.data["photos"][one["photo"]] for one in head["pictures"]}


def test_pictures_after_a_skipped_image(run: Run, toys: Host) -> None:
    """Rows of the statistics are not indices of the split if a bad sample was skipped."""
    kept = ImageStatistics.read(run.statistics_of("val"))
    before = photos_of(page_of(run, toys))
    rows = kept.heads["semantic"].rows
    part = {
        key: ImageRows(one.shape, one.starts[1:] - one.starts[1],
                       one.columns[one.starts[1]:], one.values[one.starts[1]:])
        for key, one in rows.items()
    }  # fmt: skip
    examples = {row - 1: png for row, png in kept.heads["semantic"].examples.items() if row}
    cut = replace(kept.heads["semantic"], rows=part, examples=examples)
    later = replace(kept, names=kept.names[1:], indices=[*range(1, 10)], heads={"semantic": cut})
    later.write(run.statistics_of("val"))
    page = page_of(run, toys)
    assert page.notes == []
    after = photos_of(page)
    assert kept.names[0] not in after
    assert len({*after} & {*before}) >= 4
    assert all(after[name] == before[name] for name in {*after} & {*before})


def test_a_damaged_byte_is_reported(run: Run) -> None:
    file = run.statistics_of("val")
    content = bytearray(file.read_bytes())
    for place in range(60, len(content), max(1, len(content) // 97)):
        broken = content.copy()
        broken[place] ^= 0xFF
        file.write_bytes(broken)
        with suppress(PluxelError):
            ImageStatistics.read(file)
