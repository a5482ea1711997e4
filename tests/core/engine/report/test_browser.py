"""Reports in a real Chromium: they open without an error, and react."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Run
from pluxel.core.engine.report.gallery import web_classes
from pluxel.core.engine.report.page import write_report
from pluxel.registry import Host

from ....browser import Pages
from .conftest import ATTACK, NAMES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.peers, pytest.mark.slow]

CHARTS = ["confusion", "images", "sizes", "reliability", *["series"] * 4]


def scrolled(page: Page) -> None:
    """Bring each chart into view, and wait until it is drawn."""
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator("svg").first.wait_for()


@pytest.fixture
def file(run: Run, toys: Host) -> Path:
    return write_report(run.directory, host=toys)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_everything_is_drawn(file: Path, pages: Pages, width: int, dark: bool) -> None:
    page = pages.open(file, width=width, dark=dark)
    scrolled(page)
    drawn = page.eval_on_selector_all(".chart", "all => all.map(one => one.dataset.chart)")
    assert drawn == CHARTS
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".strip button").count() >= 1
    assert "attacked" not in page.title()
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()


def column(page: Page, number: int) -> list[str]:
    cells = page.locator(f"#classes-1 tbody tr > :nth-child({number})")
    return [text.strip() for text in cells.all_text_contents()]


def test_tables_sort_with_the_keyboard(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    button = page.locator("#classes-1 thead button", has_text="IoU").first
    button.focus()
    page.keyboard.press("Enter")
    rising = [float(text) for text in column(page, 2)]
    assert rising == sorted(rising)
    page.keyboard.press("Enter")
    assert [float(text) for text in column(page, 2)] == rising[::-1]
    assert page.locator("#classes-1 th[aria-sort=descending]").inner_text() == "IoU"
    page.locator("#classes-1 thead button", has_text="class").click()
    assert column(page, 1) == sorted(column(page, 1))
    assert {*column(page, 1)} == {ATTACK, NAMES[7]}
    page.locator(".image-list button", has_text="image").click()
    names = page.locator(".image-list tbody th").all_text_contents()
    assert names == [f"val{number}" for number in range(10)]


def colors(page: Page) -> np.ndarray:
    """Return the canvas, (H, W, 3) uint8."""
    address = page.evaluate("document.querySelector('canvas').toDataURL()")
    return np.asarray(
        Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    )


def choose(page: Page, **values: str) -> None:
    for name, value in values.items():
        control = page.locator(f".viewer .{name}")
        if name in ("wipe", "opacity"):
            control.fill(value)
        else:
            control.select_option(value)


def test_layers_show_truth_prediction_and_errors(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    page.locator(".status", has_text="mean IoU").wait_for()
    data = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
    (head,) = data["heads"]
    name = page.locator(".strip button").first.get_attribute("title")
    picture = next(one for one in head["pictures"] if one["name"] == name)
    truth, found = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(picture[key].partition(",")[2]))))
        for key in ("truth", "predicted")
    )
    palette = [tuple(bytes.fromhex(color[1:])) for color in head["colors"]]
    choose(page, left="truth", right="predicted", wipe="1000", opacity="100")
    drawn = colors(page)
    for index, color in enumerate(palette):
        assert (drawn[truth == index] == color).all()
    choose(page, wipe="0")
    drawn = colors(page)
    for index, color in enumerate(palette):
        assert (drawn[found == index] == color).all()
    choose(page, right="errors", of="1")
    drawn = colors(page)
    counted = truth != head["ignore"]
    assert (drawn[(truth == 1) & (found == 1)] == (0, 158, 115)).all()
    assert (drawn[(truth != 1) & (found == 1) & counted] == (213, 94, 0)).all()
    assert (drawn[(truth == 1) & (found != 1)] == (0, 114, 178)).all()
    grays = drawn[(truth != 1) & (found != 1) & counted]
    assert (np.ptp(grays.astype(int), axis=1) == 0).all()
    assert grays.min(initial=255) >= 190
    assert "false negative" in page.locator(".legend-place").inner_text()
    choose(page, wipe="500", left="input")
    middle = colors(page)
    assert (middle[:, -1] == drawn[:, -1]).all()
    assert (middle[:, 0] != drawn[:, 0]).any()


def test_the_name_of_an_image_opens_its_picture(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    page.locator(".pick").select_option("1")
    link = page.locator(".image-list a").last
    name = link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    page.locator(".status", has_text=name).wait_for()
    focused = page.locator(".strip button:focus")
    assert focused.get_attribute("title") == name
    assert focused.get_attribute("aria-pressed") == "true"


def test_tables_scroll_in_a_narrow_window(file: Path, pages: Pages) -> None:
    """Whatever is out of view is in a place that scrolls, by keys too."""
    page = pages.open(file, width=400)
    scrolled(page)
    unreachable = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => {
          const box = one.getBoundingClientRect();
          if (!box.width || box.right <= innerWidth) return false;
          const place = one.closest(".wide, .images, .strip");
          return !place || getComputedStyle(place).overflowX !== "auto" ||
            !(place.tabIndex === 0 || place.querySelector("button"));
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert unreachable == []
    table = page.locator(".wide").first
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    table.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.locator("#classes-1 th", has_text="95 %").wait_for()
    assert table.evaluate("one => new Promise(done => setTimeout(() => done(one.scrollLeft), 400))")


def test_four_metrics_fit_a_small_screen(file: Path, pages: Pages) -> None:
    page = pages.open(file, width=1100)
    place = page.locator(".wide", has=page.locator("#classes-1"))
    place.evaluate(  # a run with two more
        """one => one.querySelectorAll("tr").forEach((row) =>
          [7, 8].forEach((at) => row.cells[8].after(row.cells[at].cloneNode(true))))"""
    )
    heads = place.locator("thead th").all_inner_texts()
    assert (heads.count("Boundary IoU"), len(heads)) == (2, 13)
    assert place.evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("width", [400, 1100])
def test_keys_break_after_dots_only(file: Path, pages: Pages, width: int) -> None:
    page = pages.open(file, width=width)
    pieces = page.eval_on_selector_all(
        "#configuration tbody th",
        """all => all.map(one => [...one.childNodes].filter(n => n.nodeType === 3).map(node => {
          const range = document.createRange();
          range.selectNodeContents(node);
          return [node.textContent, range.getClientRects().length];
        }))""",
    )
    assert any(len(one) == 3 for one in pieces)
    assert [text for one in pieces for text, lines in one if lines > 1 and len(text) < 16] == []


def test_print_leaves_out_what_cannot_be_used(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    scrolled(page)
    page.emulate_media(media="print")
    gone = ".controls, .strip, .stage, nav, .images button, #configuration tbody tr:not(.set)"
    assert page.locator(gone).count() >= 8
    assert all(one.is_hidden() for one in page.locator(gone).all())
    names = [one.get_attribute("title") for one in page.locator(".strip button").all()]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".prints canvas").count() == len(names) > 1
    printed = page.locator(".prints figcaption").all_text_contents()
    assert [text.partition(":")[0] for text in printed] == names
    assert page.get_by_text("Left: truth. Right: prediction.").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".prints canvas").count() == 0
    assert page.locator("#configuration tbody tr.set").first.is_visible()
    assert page.get_by_text("Default values are not printed.").is_visible()
    broken = "[...document.querySelectorAll('figure, tr')].filter(one =>"
    assert page.evaluate(f"{broken} getComputedStyle(one).breakInside !== 'avoid').length") == 0
    assert page.pdf(format="A4").count(b"/Type /Page\n") <= 5


def test_the_worst_of_a_class_is_shown_first(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    page.locator(".pick").select_option("1")
    (head,) = page.evaluate("JSON.parse(document.getElementById('data').textContent)")["heads"]
    wrong = {one["name"]: one["wrong"]["1"] for one in head["pictures"] if 1 in one["reasons"]}
    names = [one.get_attribute("title") for one in page.locator(".strip button").all()]
    assert names == sorted(wrong, key=lambda name: -wrong[name])
    assert page.locator(".of").input_value() == "1"
    assert page.locator(".right").input_value() == "errors"


def test_a_chart_without_values_says_so(file: Path, pages: Pages, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    group = '"group": "score"'
    assert group in text
    early = tmp_path / "report.html"
    early.write_text(text.replace(group, '"group": "class"'), encoding="utf-8")
    page = pages.open(early)
    chart = page.locator("[data-group=score]")
    chart.scroll_into_view_if_needed()
    chart.get_by_text("no evaluation yet").wait_for()


def test_the_first_evaluation_is_drawn_without_warnings(run: Run, toys: Host, pages: Pages) -> None:
    """Each series of scores has one point; `pages` collects warnings of the console."""
    lines = run.metrics.read_text().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if "val/mean_iou" in line)
    run.metrics.write_text("".join(lines[: first + 1]))
    page = pages.open(write_report(run.directory, host=toys))
    scrolled(page)
    scores = page.locator("[data-group=score] g[aria-label=dot] circle")
    assert scores.count() >= 3


def test_controls_of_charts(file: Path, pages: Pages) -> None:
    page = pages.open(file)
    scrolled(page)
    confusion = page.locator("[data-chart=confusion]")
    svg = confusion.locator("svg").first
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 40)
    assert "predicted as" in confusion.locator("p").inner_text()
    before = svg.inner_html()
    page.locator(".confusion-mode").select_option("counts")
    assert confusion.locator("svg").first.inner_html() != before
    losses = page.locator("[data-group=loss]")
    paths = losses.locator("g[aria-label=line] path").count()
    page.locator("#smoothing").fill("80")
    assert losses.locator("g[aria-label=line] path").count() == 2 * paths  # smoothed, and raw
    page.locator("#scalar").select_option("val/boundary_iou")
    assert "Boundary IoU" in page.locator("[data-group=one]").inner_text()
    first = page.locator("#panels img").first
    assert first.is_hidden()
    page.locator("#panel").select_option("0")
    assert first.is_visible()
    page.locator("#only-set").check()
    assert page.locator("#configuration tr", has_text="evaluation.workers").is_hidden()
    page.set_viewport_size({"width": 700, "height": 900})


@pytest.mark.parametrize(("classes", "images"), [(150, 5000), (1000, 1200)])
def test_many_classes_and_images(
    with_statistics: Callable[[int, int], Run],
    toys: Host,
    pages: Pages,
    classes: int,
    images: int,
) -> None:
    run = with_statistics(classes, images)
    file = write_report(run.directory, host=toys)
    assert file.stat().st_size < 5_000_000
    page = pages.open(file)
    scrolled(page)
    is_cut = page.get_by_text("of 1,000 classes with the most wrong pixels are shown").count()
    assert is_cut == (classes > 200)
    page.locator("#classes-1 thead button", has_text="IoU").first.click()
    rising = [float(text) for text in column(page, 2)]
    assert len(rising) == classes
    assert rising == sorted(rising)
    assert page.locator(".image-list tbody tr").count() == 100
    page.get_by_role("button", name="Show more").click()
    assert page.locator(".image-list tbody tr").count() == 1100


def test_more_than_256_classes_are_exact() -> None:
    classes = np.arange(1000).reshape(20, 50)
    for few in (classes, classes % 256, classes * 0):
        coded = web_classes(few, is_wide=True).astype(int)
        np.testing.assert_array_equal(coded[..., 0] + 256 * coded[..., 1], few)
    np.testing.assert_array_equal(web_classes(classes % 256, is_wide=False), classes % 256)
