"""Time the page of a run: writing it beside the evaluation, and opening and sorting it.

    python benchmarks/report_page.py RUN

RUN: a run with results on val. Needs Chromium and playwright for the second half, which also opens
a page of 150 classes and 5,000 images with invented statistics.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.evaluation.image_statistics import HeadImageStatistics, ImageStatistics
from pluxel.core.engine.evaluation.statistics import ImageRows, sparse_row
from pluxel.core.engine.report.page import write_report
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.registry import Host

CLASSES, IMAGES = 150, 5000


def timed(function, *arguments, **options):
    """Return the seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - start, result


def evaluation(run: Path, host: Host, details: bool) -> float:
    """Return the seconds of an evaluation with or without what reports show."""
    override = [f"evaluation.details={str(details).lower()}"]
    trained = open_trained(run, override, host=host)
    with tempfile.TemporaryDirectory() as folder:
        return timed(evaluate_run, trained, "val", output=Path(folder) / "results.json")[0]


def invented() -> HeadImageStatistics:
    """Return statistics of many classes and images, eight classes in each."""
    random = np.random.default_rng(0)
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    rows = []
    for _ in range(IMAGES):
        present = random.choice(CLASSES, 8, replace=False)
        counts = np.zeros((CLASSES, 3), np.int64)
        labeled = random.integers(1, 9000, 8)
        right = random.integers(0, labeled + 1)
        confusion[present, present] += right
        confusion[present, np.roll(present, 1)] += labeled - right
        counts[present] = np.stack([right, labeled, right], -1)
        counts[np.roll(present, 1), 2] += labeled - right
        rows.append(sparse_row(counts))
    names = [f"class {number}" for number in range(CLASSES)]
    return HeadImageStatistics(
        names, (), confusion, {"counts": ImageRows.stacked(rows, (CLASSES, 3), np.int64)}, {}
    )


def browsed(file: Path) -> None:
    """Open a page in Chromium, and sort its table; print both times."""
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        opened = timed(page.goto, file.resolve().as_uri())[0]
        sort = """() => new Promise(done => {
            const start = performance.now();
            document.querySelectorAll('#classes-1 thead button')[1].click();
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
        })"""
        times = [page.evaluate(sort) / 1000 for _ in range(5)]
        browser.close()
    size = file.stat().st_size / 1e6
    print(
        f"{file.name}: {size:.2f} MB, opens in {opened:.2f} s, sorts in {np.median(times):.3f} s, "
        f"{len(errors)} console errors"
    )


def main() -> None:
    """Print all times."""
    run, host = Path(sys.argv[1]), Host()
    evaluation(run, host, details=False)  # warms up
    plain, detailed, again = (evaluation(run, host, one) for one in (False, True, False))
    print(
        f"evaluation: {plain:.1f} s without details, {detailed:.1f} s with, {again:.1f} s without"
    )
    print(f"ratio {detailed / plain:.3f}, none against none {again / plain:.3f}")
    with tempfile.TemporaryDirectory() as folder:
        seconds, file = timed(write_report, run, host=host, output=Path(folder) / "report.html")
        print(f"report: {seconds:.2f} s beside an evaluation of {plain:.1f} s")
        browsed(file)
        copy = Path(folder) / "run"
        shutil.copytree(run, copy)
        step = ImageStatistics.read(Run(copy).statistics_of("val")).step
        names = [f"street_{number:06}" for number in range(IMAGES)]
        kept = ImageStatistics("val", step, names, (), {"semantic": invented()})
        kept.write(Run(copy).statistics_of("val"))
        large = Path(folder) / "large.html"
        print(f"large report: {timed(write_report, copy, host=host, output=large)[0]:.2f} s")
        browsed(large)


if __name__ == "__main__":
    main()
