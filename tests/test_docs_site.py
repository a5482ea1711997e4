"""The site builds without a warning, contains every page, and loads nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATTERNS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "docs/reference/*.md")
NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "build"
    command = [sys.executable, "docs/site.py", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    hint = "pip install -e '.[docs]'\n" if "No module named zensical" in done.stderr else ""
    assert done.returncode == 0, hint + done.stdout + done.stderr
    return folder / "site"


class Loaded(HTMLParser):
    """Collects what a browser loads with a page, and where its own links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.links.append(values.get("href") or "")
        else:
            self.loads += [values[key] or "" for key in ("src", "href") if key in values]


def test_every_page_is_in_the_navigation() -> None:
    pages = [page.relative_to(ROOT).as_posix() for p in PATTERNS for page in ROOT.glob(p)]
    assert len(pages) > 30
    assert [
        page for page in pages if not re.search(rf"[ :]{re.escape(page)}$", NAVIGATION, re.M)
    ] == []


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    loads = {load for page in pages for load in Loaded(page).loads}
    assert any(load.endswith(".css") for load in loads)
    assert {load for load in loads if re.match(r"(\w+:)?//", load)} <= {""}
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"@import|url\([\"']?(?:https?:)?//", styles) == []


def test_links_lead_to_files(site: Path) -> None:
    missing = []
    for page in site.rglob("*.html"):
        for link in Loaded(page).links:
            path = link.partition("#")[0]
            if path and "://" not in link and page.name != "404.html":
                target = page.parent / path
                missing += [] if target.exists() else [(page.name, link)]
    assert missing == []


def test_public_names_have_signatures(site: Path) -> None:
    page = (site / "docs" / "reference" / "pluxel_core.html").read_text(encoding="utf-8")
    assert 'id="pluxel.core.resample"' in page
    assert "FeatureSpec" in page
    assert 'href="#pluxel.core.resample"' in page


def test_blocks_for_tests_are_blocks(site: Path) -> None:
    """A language with a note for tests, such as ``sh options``, would not be one to Zensical."""
    for page in site.rglob("*.html"):
        assert "```" not in page.read_text(encoding="utf-8"), page
