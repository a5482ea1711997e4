"""Serve the report of a run on this machine, and update it during a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from ....registry import Host, PluxelError, reason_of
from ...common.local_server import is_allowed, listen
from ...common.logs import logger
from ...common.pacing import Pace
from ..run import Run
from ..watching import STATES, is_awaited
from .page import LiveSource, report_page

ADDRESS = "127.0.0.1"

REFRESH = 10
"""Seconds after which a page asks again whether its run has changed."""

MOST_TIME = 0.1
"""Fraction of the time that rendering a page takes while its run changes all the time."""


class LivePage:
    """The report of a run, which may not exist yet, rendered again after its files have changed.

    Browsers ask for its version every `REFRESH` seconds, and reload it if that has changed.
    """

    def __init__(self, directory: Path, split: str, host: Host) -> None:
        self._run, self._split, self._host = Run(directory), split, host
        self._lock = Lock()
        self._page, self._version = b"", ""
        self._pace = Pace()

    def version(self) -> str:
        """Return the version of the page, which a change of the run changes."""
        if not self._pace.is_due:
            return self._version
        state = self._run.is_training(), self._files()
        return sha256(repr(state).encode()).hexdigest()

    def content(self) -> bytes:
        """Return the current page. Raises: PluxelError before the training has started."""
        if is_awaited(self._run):
            raise PluxelError(f"{self._run.directory}: {STATES['waiting']}")
        with self._lock:
            version = self.version()
            if version != self._version:
                with self._pace.working(MOST_TIME):
                    page = report_page(
                        self._run.directory,
                        self._split,
                        host=self._host,
                        live=LiveSource(version, REFRESH),
                    )
                self._page, self._version = page.encode(), version
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
def served(content: Callable[[], bytes], version: Callable[[], str], port: int) -> Iterator[str]:
    """Serve a page on this machine only while the block runs; yield its address.

    ``version``: changes with the page; the page asks for it at ``/version``.
    ``port``: 0 chooses a free one. Requests that name another host are refused, so that no web site
    can read the page through a name of its own (DNS rebinding).

    Raises: PluxelError if the port is in use.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not is_allowed(self.headers.get("Host", ""), ()):
                self.send_error(403, "unknown host")
            elif self.path not in ("/", "/version"):
                self.send_error(404)
            else:
                with suppress(ConnectionError):  # the browser reloads the page
                    self._answer()

        def _answer(self) -> None:
            status = 200
            try:
                page = content() if self.path == "/" else version().encode()
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
