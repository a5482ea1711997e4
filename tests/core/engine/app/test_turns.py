"""The work of clients that leave: it does not begin, or ends early."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from threading import Event
from typing import Any

import numpy as np
import pytest
from pluxel.core import Pipeline
from pluxel.core.engine.app import server as app_server

from .conftest import Server, encoded

LEFT = "second.png: client disconnected; result discarded"


def begin(server: Server, content: bytes, name: str) -> http.client.HTTPConnection:
    """Upload a photograph without waiting for the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/predict/0", content, {"X-Name": name})
    return connection


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        Event().wait(0.01)
    pytest.fail("the condition did not become true")


def test_a_client_that_leaves_loses_its_turn(
    server: Server,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, go, calls = Event(), Event(), []
    segment = app_server.segment

    def gated(pipeline: Pipeline, *arguments: Any, **options: Any) -> dict[str, Any]:
        calls.append(pipeline)
        started.set()
        assert go.wait(30)
        return segment(pipeline, *arguments, **options)

    monkeypatch.setattr(app_server, "segment", gated)
    caplog.set_level(logging.INFO, logger="pluxel")
    content = encoded(photo)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(server.upload, content, "first.png")
        assert started.wait(30)
        second = begin(server, content, "second.png")
        third = threads.submit(server.upload, content, "third.png")
        is_complete = lambda file: file.stat().st_size == len(content)  # noqa: E731
        wait_for(lambda: sum(map(is_complete, server.folder.glob("*/photo.png"))) == 3)
        second.close()
        wait_for(lambda: len([*server.folder.glob("*/photo.png")]) == 2)
        go.set()
        assert first.result()[0] == third.result()[0] == 200
    assert len(calls) == 2
    wait_for(lambda: [one.getMessage() for one in caplog.records].count(LEFT) == 1)


def test_the_work_of_a_client_that_leaves_ends(
    server: Server,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, pieces = Event(), Pipeline.pieces

    def endless(pipeline: Pipeline, *arguments: Any, **options: Any) -> Iterator[Any]:
        for piece in pieces(pipeline, *arguments, **options):
            for each in chain([piece], repeat(piece, 3000)):
                started.set()
                yield each
                Event().wait(0.01)

    caplog.set_level(logging.INFO, logger="pluxel")
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "pieces", endless)
        connection = begin(server, encoded(photo), "second.png")
        assert started.wait(30)
        connection.close()
        wait_for(lambda: not [*server.folder.iterdir()])
    wait_for(lambda: [one.getMessage() for one in caplog.records].count(LEFT) == 1)
    assert server.upload(encoded(photo), "a.png")[0] == 200
