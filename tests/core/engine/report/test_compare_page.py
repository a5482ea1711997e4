"""The page of a comparison shows what the table in the terminal shows."""

from __future__ import annotations

import base64
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Pipeline, Run
from pluxel.core.engine.comparison.common_part import EvaluatedRun
from pluxel.core.engine.comparison.compare import compare
from pluxel.core.engine.comparison.differences import ImageDifference
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.report.compare_page import comparison_page
from pluxel.core.engine.report.compared_pictures import Picture, PicturesOfRuns
from pluxel.registry import Host

from ....browser import Pages
from ..toys import Squares
from .conftest import ATTACK, NAMES, invented

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(run: Run, tmp_path: Path) -> list[Path]:
    """Return the run, and a copy with another configuration and other statistics."""
    other = tmp_path / ATTACK.replace("/", "")
    shutil.copytree(run.directory, other)
    config = other / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.01", "lr: 0.5"))
    names = [f"street_{number:03}" for number in range(60)]
    for directory, seed in ((run.directory, 0), (other, 1)):
        head = invented(5, 60)
        counts = head.rows["counts"]
        if seed:  # some images become better, with the same truth
            right = counts.columns % 3 == 0
            counts.values[right & (counts.columns == 3)] += 1
        file = Run(directory).statistics_of("val")
        step = ImageStatistics.read(file).step
        ImageStatistics("val", step, names, (), {"semantic": head}).write(file)
    return [run.directory, other]


def written(page: str, folder: Path) -> Path:
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


@pytest.mark.browser
@pytest.mark.peers
@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_of_two_runs(
    runs: list[Path], toys: Host, pages: Pages, tmp_path: Path, width: int
) -> None:
    found = compare(runs, host=toys)
    page = pages.open(written(comparison_page(found, toys), tmp_path), width=width)
    assert page.title() == "Comparison of 2 runs on val"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = page.locator("body").inner_text()
    assert runs[1].name in text
    assert [one for one in found.cautions if one not in text] == []
    assert "images cannot be read anymore, such as: the split now has only 10 images" in text
    assert page.locator("img").count() == 0
    assert all(image.name in text for image in found.heads[0]["semantic"].images)
    assert page.locator("#differences").inner_text().split()[-3:] == [
        "training.optimizer.lr",
        "0.01",
        "0.5",
    ]
    head = found.heads[0]["semantic"]
    rows = page.locator("table.sortable").nth(1).locator("tbody tr")
    for row, scores in zip(rows.all(), head.per_class.values(), strict=True):
        one = scores["iou"]
        cells = row.locator("td").all_inner_texts()
        assert cells[0] == f"{100 * one.values[0]:.1f}"
        assert cells[2] == f"{100 * one.difference.value:+.2f}"
        assert one.difference.low is not None
        assert cells[3].startswith(f"{100 * one.difference.low:+.2f} to ")
    page.locator("table.sortable").nth(1).locator("button", has_text="difference").click()
    differences = [float(r.locator("td").nth(2).inner_text()) for r in rows.all()]
    assert differences == sorted(differences)
    inside = page.evaluate(
        "[...document.querySelectorAll('.whiskers i')].every(one => one.offsetLeft >= 0 &&"
        " one.offsetLeft + one.offsetWidth <= one.parentElement.offsetWidth + 5)"
    )
    assert inside


def pixels(picture: Picture) -> np.ndarray:
    content = base64.b64decode(picture.address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.browser
@pytest.mark.peers
def test_pictures_of_images_that_differ(run: Run, toys: Host, pages: Pages, tmp_path: Path) -> None:
    other = Run(tmp_path / "other")
    shutil.copytree(run.directory, other.directory)
    kept = ImageStatistics.read(other.statistics_of("val"))
    head = kept.heads["semantic"]
    right = head.rows["counts"].columns % 3 == 0
    head.rows["counts"].values[right] //= 2
    kept.write(other.statistics_of("val"))
    found = compare([run.directory, other.directory], host=toys)
    images = found.heads[0]["semantic"].images
    pictures = PicturesOfRuns({"A": found.runs[0], "B": found.runs[1]}, toys)
    shown = pictures.of_head(("A", "B"), "semantic", images)
    assert pictures.notes == []
    assert {name for name, _ in shown.legend} == {NAMES[0], NAMES[7], "ignore"}
    space = Pipeline.load(run.directory, host=toys).spaces["semantic"]
    for image, (photo, truth, *predicted) in zip(images, shown.of_images, strict=True):
        assert photo.title == "input"
        row = image.rows[0]
        mask = Squares("val")[row].labels["semantic"]
        assert (pixels(truth)[mask == 7] == space.colorize(np.ones(1, int))).all()
        if row in head.examples:
            classes = np.asarray(Image.open(io.BytesIO(head.examples[row])))
            for one in predicted:
                np.testing.assert_array_equal(pixels(one), space.colorize(classes))
    page = pages.open(written(comparison_page(found, toys), tmp_path))
    page.locator("th a", has_text=images[0].name).click()
    assert page.url.endswith("#image-B-1-1")
    assert page.locator(".quad img").count() == 4 * len(images)
    assert page.locator(".quad figcaption").all_text_contents()[:2] == ["input", "truth"]


def test_a_run_that_is_trained_further_has_no_pictures(run: Run, toys: Host) -> None:
    kept = ImageStatistics.read(run.statistics_of("val"))
    pictures = PicturesOfRuns(
        dict.fromkeys("AB", EvaluatedRun(run.directory, replace(kept, step=90))), toys
    )
    images = [ImageDifference("val0", (0.0, 1.0), (0, 0))]
    assert pictures.of_head(("A", "B"), "semantic", images).of_images == [[]]
    assert pictures.notes == [
        f"There are no pictures of {run.directory}: its weights are of step {kept.step}, "
        "but its results of step 90."
    ]
