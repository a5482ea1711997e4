"""Pages: they load nothing, and no value of theirs becomes a script."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from pluxel.core.pictures.page import page_data, render
from pluxel.core.pictures.sheet import Sheet, SheetSample, SheetTile, sheet_page

from ...browser import Pages

ATTACK = (
    "\"><script>document.title='attacked'</script><img src=x onerror=alert(1)>'😀道路" + "l" * 300
)


def sheet(name: str) -> Sheet:
    tiles = [SheetTile(name, np.full((60, 90, 3), shade, np.uint8), name) for shade in (0, 99)]
    entries = [(name, (255, 0, 0)), ("ignore", None)]
    return Sheet(name, [SheetSample(name, tiles, name)] * 2, entries, [(name, entries)])


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value for name, value in attrs if name in ("title", "alt") and value]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_a_page_contains_names_as_they_are() -> None:
    parser = Texts()
    parser.feed(sheet_page(sheet(ATTACK)))
    assert "script" not in parser.tags
    assert parser.tags.count("img") == 4
    assert sum(ATTACK in text for text in parser.found) >= 14


CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200B, 0x200E, 0x202E, 0x2066, 0xFEFF]


@pytest.mark.browser
@pytest.mark.peers
def test_control_characters_are_visible(pages: Pages, tmp_path: Path) -> None:
    """In what a template writes, and in what scripts write."""
    kept = "می‌خواهم 👩‍👧 שלום\t"
    name = f"{kept}{''.join(map(chr, CONTROLS))}car"
    file = tmp_path / "page.html"
    data = {"name": name, "names": [name]}
    package = "pluxel.core.engine.report"
    text = render(
        "sheet.html",
        "t",
        package=package,
        scripts=["tables.js"],
        data=data,
        samples=[],
        legends=[(name, [])],
    )
    file.write_text(text, encoding="utf-8")
    page = pages.open(file)
    written, scripted = page.locator("h3").text_content(), page.evaluate("pluxel.data.names[0]")
    assert written
    expected = kept + "".join(
        chr(one) if chr(one) in "\t\n\r" else f"[U+{one:04X}]" for one in CONTROLS
    )
    assert scripted == f"{expected}car"
    assert written == scripted.replace("\r", "\n")  # as HTML is read
    assert page_data(text) == data


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="legends"):
        render("sheet.html", "title")


@pytest.mark.browser
@pytest.mark.peers
@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_opens_and_fits(pages: Pages, tmp_path: Path, width: int) -> None:
    file = tmp_path / "page.html"
    file.write_text(sheet_page(sheet(ATTACK)), encoding="utf-8")
    page = pages.open(file, width=width, dark=True)
    assert page.title() == ATTACK
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(one => one.naturalWidth == 90)")


@pytest.mark.browser
@pytest.mark.peers
def test_a_script_of_another_does_not_run(pages: Pages, tmp_path: Path) -> None:
    """Even in a page that failed to escape it."""
    file = tmp_path / "page.html"
    attack = "<script>document.title = 'attacked'</script><img src='https://example.com/x.png'>"
    file.write_text(sheet_page(sheet("a")).replace("<main>", attack), encoding="utf-8")
    assert pages.open(file).title() == "a"
    assert len([one for one in pages.problems if "Content Security Policy" in one]) == 2
    pages.problems.clear()
