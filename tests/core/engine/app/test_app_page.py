"""The page in a real Chromium: upload, opacity, pixels, masks, several runs, by mouse and keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Pipeline

from ....browser import Pages
from ..inference.nets import pipeline
from .conftest import Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.peers]


@pytest.fixture
def file(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "<i>photo & mask.v1.png"
    Image.fromarray(photo).save(path)
    return path


def drop(page, file: Path, panels: int = 1) -> None:
    page.set_input_files("#file", file)
    page.wait_for_function(f"() => document.querySelectorAll('#panels a').length == {panels}")
    page.wait_for_function("() => [...document.images].every(one => one.naturalWidth)")


@pytest.mark.parametrize("width", [400, 1280])
def test_a_photograph_is_segmented(
    server: Server, net: Pipeline, pages: Pages, file: Path, photo: np.ndarray, width: int
) -> None:
    page = pages.open(f"http://127.0.0.1:{server.port}/", width=width)
    drop(page, file)
    assert page.inner_text("#status") == file.name
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = net.predict(photo, probabilities=True)["semantic"]
    names = page.locator("#panels .legend li").all_inner_texts()
    assert {text.split()[0] for text in names} == {
        found.space.class_names[index] for index in np.unique(found.classes)
    }

    colors = page.locator(".stage img >> nth=1")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.fill("#opacity", "20")
    assert colors.evaluate("one => one.style.opacity") == "0.2"
    assert requests == []

    box = page.locator(".stage").bounding_box()
    assert box
    row, column = 41, 22
    place = {"x": (column + 0.5) / 90 * box["width"], "y": (row + 0.5) / 60 * box["height"]}
    page.locator(".stage").click(position=place)
    page.wait_for_selector("table")
    assert page.inner_text("caption") == f"row {row}, column {column}"
    first = page.locator("table tr >> nth=0").inner_text().split()
    assert found.probabilities is not None
    shares = found.probabilities[:, row, column]
    assert first[0] == found.space.class_names[found.classes[row, column]]
    assert float(first[1]) == pytest.approx(100 * shares.max(), abs=0.06)
    assert page.locator("table tr").count() == 3

    page.locator(".stage").press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector('caption').innerText == 'row 41, column 23'"
    )
    page.locator(".stage").press("Shift+ArrowUp")
    page.wait_for_function(
        "() => document.querySelector('caption').innerText == 'row 31, column 23'"
    )


def test_the_mask_is_downloaded(
    server: Server, net: Pipeline, pages: Pages, file: Path, photo: np.ndarray
) -> None:
    page = pages.open(f"http://127.0.0.1:{server.port}/")
    drop(page, file)
    with page.expect_download() as started:
        page.click("text=Download the mask")
    assert started.value.suggested_filename.endswith("photo & mask.v1.png")
    mask = np.array(Image.open(started.value.path()))
    assert np.array_equal(mask, net.predict(photo)["semantic"].mask)


def test_runs_are_side_by_side(net: Pipeline, pages: Pages, tmp_path: Path, file: Path) -> None:
    name = "<script>document.title = 'attacked'</script>"
    with serving({"first": net, name: pipeline(heads=("roof", "road"))}, tmp_path) as server:
        page = pages.open(f"http://127.0.0.1:{server.port}/")
        drop(page, file, panels=3)
        titles = page.locator("#panels h2").all_inner_texts()
        assert titles == ["first", f"{name}: roof", f"{name}: road"]
        assert page.title() == "Pluxel"
        tops = [page.locator("section").nth(i).bounding_box()["y"] for i in range(3)]
        assert len({*tops}) == 1
        names = [link.get_attribute("download") for link in page.locator("#panels a").all()]
        assert names[0] == f"{file.stem} first.png"
        assert names[1].endswith(" roof.png")
        assert len({*names}) == 3
        page.locator(".stage").first.click()
        page.wait_for_function("() => document.querySelectorAll('table').length == 3")
        assert len({*page.locator("caption").all_inner_texts()}) == 1


def test_mistakes_are_told_and_the_page_goes_on(
    server: Server, pages: Pages, tmp_path: Path, file: Path
) -> None:
    page = pages.open(f"http://127.0.0.1:{server.port}/")
    (tmp_path / "notes.png").write_text("no image")
    page.set_input_files("#file", tmp_path / "notes.png")
    page.wait_for_selector("#status.error")
    assert page.inner_text("#status").startswith("notes.png: not an image")
    (problem,) = pages.problems
    assert "status of 422" in problem
    pages.problems.clear()
    (tmp_path / "large.png").write_bytes(bytes(5_000_001))
    page.set_input_files("#file", tmp_path / "large.png")
    assert page.inner_text("#status") == "large.png: exceeds the limit of 5 MB"
    drop(page, file)
    assert page.locator("#status.error").count() == 0
