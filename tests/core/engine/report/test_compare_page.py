"""The page of a comparison shows what the table in the terminal shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pluxel.core import Run
from pluxel.core.engine.comparison.compare import compare
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.report.compare_page import comparison_page
from pluxel.registry import Host

from ....browser import Pages
from .conftest import ATTACK, invented

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


@pytest.mark.browser
@pytest.mark.peers
@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_of_two_runs(
    runs: list[Path], toys: Host, pages: Pages, tmp_path: Path, width: int
) -> None:
    found = compare(runs, host=toys)
    file = tmp_path / "page.html"
    file.write_text(comparison_page(found), encoding="utf-8")
    page = pages.open(file, width=width)
    assert page.title() == "Comparison of 2 runs on val"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = page.locator("body").inner_text()
    assert runs[1].name in text
    assert [one for one in found.cautions if one not in text] == []
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
