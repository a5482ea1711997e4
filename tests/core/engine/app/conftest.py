"""A server of the page, with small networks."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import uvicorn
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.common.local_server import listen
from pluxel.core.engine.app.server import SegmentationService, application
from pluxel.core.engine.app.storage import ResultStore

from ..inference.nets import pipeline


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return an image as the bytes of a file."""
    file = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(file, kind, **options)
    return file.getvalue()


@dataclass
class Server:
    """A running server; ``folder``: where it keeps results."""

    port: int
    folder: Path

    def ask(
        self, path: str, content: bytes | None = None, **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Return status, content (parsed, if it is JSON) and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET" if content is None else "POST", path, content, sent)
        response = connection.getresponse()
        found: Any = response.read()
        if response.headers.get_content_type() == "application/json":
            found = json.loads(found)
        connection.close()
        return response.status, found, response.headers

    def upload(self, content: bytes, name: str, run: int = 0) -> tuple[int, Any]:
        """Upload a photograph."""
        return self.ask(f"/predict/{run}", content, x_name=quote(name))[:2]


Serving = Callable[..., Any]


@contextmanager
def serving(
    pipelines: Mapping[str, Pipeline],
    folder: Path,
    upload_limit: int = 5_000_000,
    disk_limit: int = 100_000_000,
) -> Iterator[Server]:
    """Serve pipelines until the end of the block."""
    with listen("127.0.0.1", 0) as listening:
        store = ResultStore(folder, disk_limit)
        app = application(SegmentationService(pipelines, store, upload_limit), ["127.0.0.1"])
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Server(listening.getsockname()[1], folder)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


@pytest.fixture
def server(net: Pipeline, tmp_path: Path) -> Iterator[Server]:
    """A server of one network."""
    folder = tmp_path / "kept"
    folder.mkdir()
    with serving({"first": net}, folder) as found:
        yield found


@pytest.fixture
def photo() -> np.ndarray:
    """Return blocks of colors, (60, 90, 3)."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (6, 9, 3), np.uint8).repeat(10, 0).repeat(10, 1)
