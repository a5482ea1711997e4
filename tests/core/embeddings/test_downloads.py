"""Downloads from a local server: complete and correct, or absent."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pluxel.core.common.downloads import without_downloads
from pluxel.core.common.files import MissingFile
from pluxel.core.embeddings import Download, fetch
from pluxel.registry import PluxelError

CONTENT = b"the 0.1 0.2\n" * 300_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(ThreadingHTTPServer):
    """Serve ``CONTENT`` under any name, and record the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.breaks = 0
        self.stopped = threading.Event()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if "none" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        part = len(CONTENT)
        if self.server.breaks:
            self.server.breaks -= 1
            part //= 2
        self.wfile.write(CONTENT[:part])
        if "slow" in self.path:
            self.server.stopped.wait()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.stopped.set()
        running.shutdown()


def download(server: Server, name: str = "v.txt", digest: str | None = DIGEST) -> Download:
    return Download("v.2d", server.address(name), len(CONTENT), digest)


def test_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        path = fetch(download(server), cache=tmp_path, permitted=True)
        assert path.read_bytes() == CONTENT
    assert server.asked == ["/v.txt"]
    assert [*path.parent.iterdir()] == [path]
    assert fetch(download(server), cache=tmp_path) == path


def test_no_download_without_permission(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        fetch(download(server), cache=tmp_path)
    assert f"v.2d ({server.address('v.txt')}, 3.6 MB) is not in {tmp_path}" in str(caught.value)
    with without_downloads(), pytest.raises(MissingFile, match="yet, and will be downloaded"):
        fetch(download(server), cache=tmp_path, permitted=True)
    assert server.asked == []
    assert not [*tmp_path.rglob("*.txt")]


@pytest.mark.parametrize("broken", [1, 2])
def test_broken_connection_is_retried(server: Server, tmp_path: Path, broken: int) -> None:
    server.breaks = broken
    path = fetch(download(server), cache=tmp_path, permitted=True)
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == broken + 1


def test_failed_download_leaves_no_file(server: Server, tmp_path: Path) -> None:
    cases = {
        "none.txt": "404",
        "other.txt": "does not match the known hash",
        "broken.txt": "broken: IncompleteRead",
    }
    for name, message in cases.items():
        server.breaks = 9 if name == "broken.txt" else 0
        one = download(server, name, "sha256:" + "0" * 64 if name == "other.txt" else DIGEST)
        with pytest.raises(PluxelError) as caught:
            fetch(one, cache=tmp_path, permitted=True)
        assert f"cannot download v.2d ({one.url}" in str(caught.value)
        assert message in str(caught.value)
        assert "'file: …'" in str(caught.value.notes)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    unreachable = Download("v.2d", "http://127.0.0.1:9/v.txt")
    with pytest.raises(PluxelError, match=r"cannot download v.2d \(http://127.0.0.1:9/v.txt\): "):
        fetch(unreachable, cache=tmp_path, permitted=True)


def test_size_is_checked_without_a_hash(server: Server, tmp_path: Path) -> None:
    one = Download("v.2d", server.address("v.txt"), len(CONTENT) + 1)
    with pytest.raises(PluxelError, match=r"received 3,600,000 bytes, not 3,600,001"):
        fetch(one, cache=tmp_path, permitted=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert fetch(download(server, digest=None), cache=tmp_path, permitted=True).is_file()


@pytest.mark.slow
def test_killed_download_leaves_no_file_of_that_name(server: Server, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pluxel.core.embeddings import Download, fetch; "
        "fetch(Download('v', sys.argv[1]), cache=Path(sys.argv[2]), permitted=True)"
    )
    server.breaks = 1
    command = [sys.executable, "-c", code, server.address("slow.txt"), str(tmp_path)]
    with subprocess.Popen(command) as process:
        folder = tmp_path / "embeddings" / "downloads"
        while not _sizes(folder):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                raise AssertionError("the download ended before anything was written")
        process.kill()
    assert _sizes(folder)
    assert not (folder / "slow.txt").exists()
    server.breaks = 0
    fast = Download("v", server.address("slow.txt").replace("slow", "v"), 0, DIGEST)
    assert fetch(fast, cache=tmp_path, permitted=True).read_bytes() == CONTENT


def _sizes(folder: Path) -> list[int]:
    """Return the sizes of the files that are not empty."""
    return [size for path in folder.glob("*") if (size := path.stat().st_size)]
