"""Read the page of a report: its texts, its notes, and the data of its scripts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from pluxel.core import Run
from pluxel.core.engine.report.page import report_page
from pluxel.registry import Host


class Page(HTMLParser):
    """The texts of a page, its notes, and the data of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.notes: list[str] = []
        self.data: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text.replace("<wbr>", ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img", "input"):
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script":
            if attributes.get("id") == "data":
                self.data = json.loads(data)
        elif tag != "style" and data.strip():
            self.texts.append(" ".join(data.split()))
            if attributes.get("class") == "note":
                self.notes.append(self.texts[-1])

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def page_of(run: Run, host: Host, **options: Any) -> Page:
    page = Page(report_page(run.directory, host=host, **options))
    page.notes.remove("Charts, pictures and sorting need JavaScript, which is off.")
    return page
