"""Uploads and results stay within one limit of bytes, and what is being served stays."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import numpy as np
import pytest
from pluxel.core import Pipeline
from pluxel.core.engine.app import storage
from pluxel.core.engine.app.results import ResultError
from pluxel.core.engine.app.server import SegmentationService, application
from pluxel.core.engine.app.storage import DiskLimitError, ResultStore

from .conftest import encoded, serving

RESULT = 300_000
"""Bytes that a small photograph and its result may need, before its files are written."""


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def kept(store: ResultStore, size: int) -> str:
    """Store a result with one file."""
    with store.writing("a.png") as folder:
        folder.reserve(size)
        (folder.path / "photo.png").write_bytes(bytes(size))
        folder.keep()
    return folder.path.name


def test_the_oldest_results_make_room(net: Pipeline, tmp_path: Path, photo: np.ndarray) -> None:
    content, limit = encoded(photo), 2 * RESULT
    with serving({"first": net}, tmp_path, disk_limit=limit) as server:
        found = []
        for _ in range(20):
            status, result = server.upload(content, "a.png")
            assert status == 200, result
            found.append(result["id"])
            assert bytes_in(tmp_path) <= limit
        statuses = [server.ask(f"/results/{one}/photo.png")[0] for one in found]
        assert statuses == sorted(statuses, reverse=True)  # those that are left are the newest
        assert 1 < statuses.count(200) < 20
        _, answer, _ = server.ask(f"/results/{found[0]}/photo.png")
        assert answer["error"] == "this result was deleted to make room; drop the photograph again"


def test_probabilities_are_kept_where_half_of_the_disk_is_enough(
    net: Pipeline, tmp_path: Path, photo: np.ndarray
) -> None:
    for runs, are_kept in ((1, True), (20, False)):
        pipelines = {str(number): net for number in range(runs)}
        folder = tmp_path / str(runs)
        folder.mkdir()
        with serving(pipelines, folder, disk_limit=2 * RESULT) as server:
            _, result = server.upload(encoded(photo), "a.png")
            _, answer, _ = server.ask(f"/results/{result['id']}/pixel/0/0")
            assert (answer["heads"][0]["probabilities"] is not None) == are_kept


@pytest.mark.parametrize("limit", [2000, 150_000])
def test_what_does_not_fit_is_refused(
    net: Pipeline, tmp_path: Path, photo: np.ndarray, limit: int
) -> None:
    """The upload itself, or the result of an upload that fits."""
    content = encoded(photo) + bytes(5000)
    with serving({"first": net}, tmp_path, disk_limit=limit) as server:
        status, answer = server.upload(content, "a.png")
        assert status == 507
        assert re.match(
            r"a\.png: needs [\d.]+ kB on disk, more than is free within the limit of (2|150) kB ",
            answer["error"],
        )
        assert answer["error"].endswith("try again later, or raise the limit with --disk-limit")
        assert [*tmp_path.iterdir()] == []


def test_a_result_in_use_stays(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, 3 * 4096)
    first, second = kept(store, 4096), kept(store, 4096)
    with store.reading(first), store.writing("b.png") as folder:
        folder.reserve(2 * 4096)
        assert {path.name for path in tmp_path.iterdir()} == {first, folder.path.name}
        with pytest.raises(DiskLimitError, match=r"^b.png: needs "):
            folder.reserve(1)
    with pytest.raises(ResultError), store.reading(second):
        pass
    third, _ = kept(store, 2 * 4096), kept(store, 4096)
    assert not (tmp_path / first).exists()
    assert (tmp_path / third).exists()


def test_folders_that_are_not_kept_free_their_bytes(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, 4096)
    for _ in range(3):
        with store.writing("a.png") as folder:
            folder.reserve(4096)
    assert [*tmp_path.iterdir()] == []


def test_answers_do_not_wait_for_a_deletion(tmp_path: Path, monkeypatch) -> None:
    store = ResultStore(tmp_path, 2 * 4096)
    _, newer = kept(store, 4096), kept(store, 4096)
    delete, answered = storage.shutil.rmtree, []

    def read() -> None:
        with store.reading(newer) as result:
            answered.append(result.picture("photo.png"))

    def slow(path: Path, **options: bool) -> None:
        thread = Thread(target=read, daemon=True)
        thread.start()
        thread.join(10)
        assert answered
        delete(path, **options)

    monkeypatch.setattr(storage.shutil, "rmtree", slow)
    with store.writing("b.png") as folder:
        folder.reserve(1000)
        with pytest.raises(DiskLimitError), store.reading(newer):
            folder.reserve(4096 - 1000 + 1)
        folder.reserve(4096 - 1000)
    assert len(answered) == 2


def test_a_picture_that_is_being_sent_stays(net: Pipeline, tmp_path: Path) -> None:
    store = ResultStore(tmp_path, 4096)
    app = application(SegmentationService({"first": net}, store, 1000), ["127.0.0.1"])
    identifier, sent = kept(store, 4096), []

    async def send(message: Any) -> None:
        sent.append(message)
        with store.writing("b.png") as folder, pytest.raises(DiskLimitError):
            folder.reserve(4096)

    async def receive() -> Any:
        await anyio.sleep_forever()

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/results/{identifier}/photo.png",
        "headers": [(b"host", b"127.0.0.1")],
        "query_string": b"",
    }
    with ThreadPoolExecutor() as threads:  # playwright has an event loop in this one
        threads.submit(anyio.run, app, scope, receive, send).result()
    assert sent[0]["status"] == 200
    assert sum(len(message.get("body", b"")) for message in sent) == 4096
    with store.writing("b.png") as folder:
        folder.reserve(4096)
    assert not (tmp_path / identifier).exists()
