"""Pages in a real Chromium, which may load nothing but themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
_LOCAL = {"127.0.0.1", "localhost", "::1", None}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine; without one, skip, but fail where `CI` is set."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"needs Chromium: none of {', '.join(NAMES)} is on PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - one of the extra 'peers'

    with sync_playwright() as playwright:
        # Its sandbox does not work as root, as in a container.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Pages:
    """Opens pages, and collects what went wrong in them: errors, and requests to other hosts."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._open: list[Page] = []
        self.problems: list[str] = []

    def open(
        self, address: Path | str, *, width: int = 1280, dark: bool = False, **options: Any
    ) -> Page:
        """Open a file or an address in a window of a width, and return its page."""
        scheme = "dark" if dark else "light"
        page = self._browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        self._open.append(page)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("request", lambda request: self._check(request.url))
        page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        return page

    def close(self) -> None:
        """Close all pages."""
        for page in self._open:
            page.close()

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(text)

    def _check(self, url: str) -> None:
        if urlsplit(url).hostname not in _LOCAL:
            self.problems.append(f"requested {url}")
