"""An environment with the real packages, and a guard over what processes send."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
AUDIT = """
import os, sys

def _audit(event, arguments, log=os.environ["GUARD_LOG"]):
    host = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    if host is None or str(host) in ("localhost", "127.0.0.1", "::1", os.uname().nodename):
        return
    with open(log, "a") as stream:
        stream.write(f"{host}\\n")
    raise OSError(f"no connection to {host} in this test")

sys.addaudithook(_audit)
"""
"""A sitecustomize that lets Python connect to this machine only, and keeps what else it tried."""


class Guarded:
    """Runs Python of the environment of the trackers, and keeps what it tries to send.

    Python's own connections meet an audit hook. Programs that packages start, such as that of
    wandb, meet a proxy: it keeps the first line of each request, and answers nothing.
    """

    def __init__(self, python: Path, folder: Path, proxy: str, requests: list[str]) -> None:
        self.python, self.folder, self.requests = python, folder, requests
        self.log = folder / "guard.log"
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(AUDIT)
        self.environment = {
            # A user's: packages report nothing if these say that they are being tested.
            **{name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ},
            **dict.fromkeys((*PROXIES, *map(str.lower, PROXIES)), proxy),
            "GUARD_LOG": str(self.log),
            "HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(folder / "site"),
            "TRACKIO_DIR": str(folder / "trackio"),
        }

    def run(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments, and further environment variables."""
        return self.program("python", *arguments, **more)

    def program(
        self, name: str, *arguments: object, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, likewise."""
        return subprocess.run(
            [self.python.with_name(name), *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **more},
            text=True,
            capture_output=True,
            timeout=400,
            check=False,
        )

    def sent(self) -> set[str]:
        """Return what was tried since the last call: hosts, and lines of requests."""
        hosts = self.log.read_text().splitlines() if self.log.exists() else []
        found = {*hosts, *self.requests}
        self.log.unlink(missing_ok=True)
        self.requests.clear()
        return found


@pytest.fixture(scope="session")
def tracker_python() -> Path:
    """Return the Python of the environment, which is built once and stays in the checkout."""
    subprocess.run([sys.executable, ROOT / "tools" / "tracker_environment.py"], check=True)
    return ROOT / ".venv-trackers" / "bin" / "python"


@pytest.fixture(scope="module")
def guarded(tracker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    requests: list[str] = []

    class Request(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            requests.append(self.rfile.readline().decode(errors="replace").strip())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Request) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        yield Guarded(tracker_python, tmp_path_factory.mktemp("guarded"), proxy, requests)
        server.shutdown()
