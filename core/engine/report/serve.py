"""Serve the report of a run on this machine, and update it during a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from ....registry import Host, reason_of
from ...common.local_server import is_allowed, listen
from ...common.logs import logger
from ..run import Run
from .page import report_page

ADDRESS = "127.0.0.1"

REFRESH = 10
"""Seconds after which a browser reloads the page while the run is training."""


class LivePage:
    """The report of a run, rendered again only after its files have changed.

    While the run is training, browsers reload it every `REFRESH` seconds.
    """

    def __init__(self, directory: Path, split: str, host: Host) -> None:
        self._run, self._split, self._host = Run(directory), split, host
        self._lock = Lock()
        self._state: object = None
        self._page = b""

    def content(self) -> bytes:
        """Return the current page."""
        with self._lock:
            is_training = self._run.is_training()
            state = is_training, self._files()
            if state != self._state:
                refresh = REFRESH if is_training else 0
                page = report_page(
                    self._run.directory, self._split, host=self._host, refresh=refresh
                )
                self._page, self._state = page.encode(), state
            return self._page

    def _files(self) -> list[tuple[Path, int, int]]:
        """Return the files that a page depends on, with their times and sizes."""
        folder = self._run.directory
        found = []
        for file in sorted([*folder.glob("*.*"), *folder.glob("*/*.*")]):
            if file.suffix in (".json", ".jsonl", ".npz", ".png", ".yaml"):
                with suppress(OSError):  # replaced just now
                    status = file.stat()
                    found.append((file, status.st_mtime_ns, status.st_size))
        return found


@contextmanager
def served(content: Callable[[], bytes], port: int) -> Iterator[str]:
    """Serve a page on this machine only while the block runs; yield its address.

    ``port``: 0 chooses a free one. Requests that name another host are refused, so that no web site
    can read the page through a name of its own (DNS rebinding).

    Raises: PluxelError if the port is in use.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not is_allowed(self.headers.get("Host", ""), ()):
                self.send_error(403, "unknown host")
            elif self.path != "/":
                self.send_error(404)
            else:
                with suppress(ConnectionError):  # the browser reloads the page
                    self._answer()

        def _answer(self) -> None:
            status = 200
            try:
                page = content()
            except Exception as error:  # noqa: BLE001 - the next request may find the run complete
                page, status = escape(reason_of(error)[0]).encode(), 500
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if status == 500:  # the page that would load itself again is not there
                self.send_header("Refresh", str(REFRESH))
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            logger.debug(format, *args)

    with listen(ADDRESS, port) as socket:
        server = ThreadingHTTPServer((ADDRESS, 0), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = socket
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{ADDRESS}:{socket.getsockname()[1]}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
