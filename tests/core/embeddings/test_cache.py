"""The cache of stores, keyed by source content."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
import torch
from pluxel.core.embeddings import Store, StoreWriter, cache_folder, cached_store, open_store
from pluxel.registry import PluxelError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("the 1 2\nchip 3 4\n")
    return path


class Reader:
    """Read lines of text and count the calls."""

    def __init__(self, source: Path, gate: Barrier | None = None) -> None:
        self.source, self.gate, self.times = source, gate, 0

    def __call__(self, writer: StoreWriter) -> Mapping[str, str]:
        self.times += 1
        for line in self.source.read_text().splitlines():
            word, *values = line.split()
            writer.add([word.encode()], torch.tensor([[*map(float, values)]]).numpy())
        if self.gate:
            self.gate.wait(60)
        return {"words": "all"}


def words_of(store: Store) -> list[str]:
    return [*store.vocabulary]


def test_store_is_built_once(source: Path, cache: Path) -> None:
    read = Reader(source)
    store = cached_store(source, {}, read)
    assert words_of(store) == ["the", "chip"]
    assert store.metadata.items() >= {"source": "words.txt", "words": "all"}.items()
    assert store.path.parent == cache
    assert cached_store(source, {}, read).path == store.path
    assert read.times == 1
    assert [*cache.glob("*.safetensors")] == [store.path]
    assert not [*cache.glob(".*")]


def test_any_change_builds_another_store(source: Path, tmp_path: Path) -> None:
    beside = tmp_path / "beside.txt"
    beside.write_text("one")
    read = Reader(source)
    paths = [
        cached_store(source, {}, read).path,
        cached_store(source, {"reader": "other"}, read).path,
        cached_store(source, {}, read, beside=[beside]).path,
    ]
    beside.write_text("two")
    paths.append(cached_store(source, {}, read, beside=[beside]).path)
    source.write_text("the 1 2\nship 3 4\n")  # of the same size
    paths.append(cached_store(source, {}, read).path)
    assert len({*paths}) == read.times == 5
    assert words_of(cached_store(source, {}, read)) == ["the", "ship"]


def test_equal_content_elsewhere_shares_the_store(source: Path, tmp_path: Path) -> None:
    read = Reader(source)
    path = cached_store(source, {}, read).path
    for place in ("folder/words.txt", "other.txt"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        other = tmp_path / place
        other.write_bytes(source.read_bytes())
        assert cached_store(other, {}, read).path == path
    assert read.times == 1


def test_long_and_odd_file_names(tmp_path: Path) -> None:
    for name in ("w" * 251 + ".txt", "😀" * 60 + ".txt", "no\nsuffix"):
        source = tmp_path / name
        source.write_text("the 1 2\n")
        assert words_of(cached_store(source, {}, Reader(source))) == ["the"]


def test_damaged_store_is_rebuilt(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    read = Reader(source)
    path = cached_store(source, {}, read).path
    content = path.read_bytes()
    path.write_bytes(content[:100])
    assert words_of(cached_store(source, {}, read)) == ["the", "chip"]
    assert path.read_bytes() == content
    assert read.times == 2
    assert f"{path} is not a word-vector store" in caplog.text
    assert "; rebuilding it" in caplog.text


def test_repeated_words_are_reported(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    source.write_text("the 1 2\nchip 3 4\nthe 5 6\nthe 7 8\n")
    store = cached_store(source, {}, Reader(source))
    assert store.arrays["vectors"].tolist() == [[1, 2], [3, 4]]
    assert f"{source}: repeated words: 2; only the first of each counts" in caplog.text


def test_meta_as_default_device(source: Path) -> None:
    with torch.device("meta"):
        store = cached_store(source, {}, Reader(source))
    assert store.arrays["vectors"].tolist() == [[1, 2], [3, 4]]
    assert store.compact.codes.device.type == "cpu"


class TestFolder:
    @pytest.mark.parametrize(
        ("given", "environment", "expected"),
        [
            ("given", {"PLUXEL_CACHE": "all", "XDG_CACHE_HOME": "xdg"}, "given/embeddings"),
            (None, {"PLUXEL_CACHE": "all", "XDG_CACHE_HOME": "xdg"}, "all/embeddings"),
            (None, {"PLUXEL_CACHE": "", "XDG_CACHE_HOME": "xdg"}, "xdg/pluxel/embeddings"),
            (None, {"XDG_CACHE_HOME": "", "HOME": "me"}, "me/.cache/pluxel/embeddings"),
            (None, {"HOME": "me"}, "me/.cache/pluxel/embeddings"),
        ],
    )
    def test_precedence(
        self,
        given: str | None,
        environment: dict[str, str],
        expected: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("PLUXEL_CACHE", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert cache_folder(given) == Path(expected)

    def test_unwritable_folder_raises(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        folder = tmp_path / "file" / "embeddings"
        with pytest.raises(PluxelError) as caught:
            cached_store(source, {}, Reader(source), cache=tmp_path / "file")
        assert str(caught.value) == (
            f"cannot write to the cache {folder}: Not a directory; set 'cache:' or $PLUXEL_CACHE "
            "to another folder"
        )

    def test_read_only_folder_is_used(
        self, source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An existing store is used, even if the date of the source has changed."""
        read = Reader(source)
        path = cached_store(source, {}, read).path
        os.utime(source, (0, 0))

        def refuse(*_: object) -> None:
            raise PluxelError("cannot write")

        monkeypatch.setattr("pluxel.core.embeddings._cache.write_json", refuse)
        assert cached_store(source, {}, read).path == path
        assert read.times == 1


class TestRememberedContent:
    def test_the_source_is_read_once(
        self, source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = Reader(source)
        path = cached_store(source, {}, read).path
        monkeypatch.setattr("hashlib.file_digest", None)
        assert cached_store(source, {}, read).path == path

    @pytest.mark.parametrize("change", [{"size": 1}, {"modified": 1}, {"size": None}])
    def test_outdated_record_is_replaced(
        self, source: Path, cache: Path, change: dict[str, object]
    ) -> None:
        cached_store(source, {}, Reader(source))
        (known,) = (cache / "sources").iterdir()
        record = json.loads(known.read_bytes())
        assert record["path"] == str(source)
        known.write_text(json.dumps({**record, "sha256": "0" * 64, **change}))
        cached_store(source, {}, Reader(source))
        assert json.loads(known.read_bytes()) == record

    @pytest.mark.parametrize("damage", [b"", b"[]", b"{", b"{}", b"\xff", b"1", b"[" * 99_999])
    def test_damaged_record_is_replaced(self, source: Path, cache: Path, damage: bytes) -> None:
        path = cached_store(source, {}, Reader(source)).path
        (known,) = (cache / "sources").iterdir()
        whole = known.read_bytes()
        known.write_bytes(damage)
        assert cached_store(source, {}, Reader(source)).path == path
        assert known.read_bytes() == whole

    def test_same_date_with_another_size(self, source: Path) -> None:
        cached_store(source, {}, Reader(source))
        date = source.stat().st_mtime_ns
        source.write_text("the 1 2\nmicrochip 3 4\n")
        os.utime(source, ns=(date, date))
        assert words_of(cached_store(source, {}, Reader(source))) == ["the", "microchip"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [("none.txt", "No such file or directory"), ("folder", "Is a directory")],
)
def test_unreadable_source_raises(tmp_path: Path, missing: str, message: str, cache: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / missing
    with pytest.raises(PluxelError, match=f"^cannot read {path}: {message}$"):
        cached_store(path, {}, Reader(path))
    assert not [*cache.glob("*.safetensors")]


def test_failed_reader_leaves_no_file(source: Path, cache: Path) -> None:
    source.write_text("the 1 2\nchip 3\n")
    with pytest.raises(PluxelError, match="1 words do not fit vectors"):
        cached_store(source, {}, Reader(source))
    assert not [*cache.glob("*.safetensors"), *cache.glob(".*")]


@pytest.mark.slow
def test_two_processes_build_the_same_store_at_once(source: Path, cache: Path) -> None:
    """Both have started before either ends."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    processes = [context.Process(target=make, args=(source, gate)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    (path,) = cache.glob("*.safetensors")
    assert words_of(open_store(path)) == ["the", "chip"]
    assert not [*cache.glob(".*")]


def make(source: Path, gate: Barrier) -> None:
    """Build the store in another process, in step with the other builder."""
    assert words_of(cached_store(source, {}, Reader(source, gate))) == ["the", "chip"]


def test_mapped_store_survives_its_replacement(source: Path) -> None:
    store = cached_store(source, {}, Reader(source))
    rows = store.arrays["vectors"]
    store.path.unlink()
    cached_store(source, {}, Reader(source))
    assert np.array_equal(rows, [[1, 2], [3, 4]])


def _no_home(*_: object) -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_user_without_a_home_may_name_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", _no_home)
    for name in ("PLUXEL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PluxelError) as caught:
        cache_folder()
    assert str(caught.value) == (
        "there is no home directory for the cache: set PLUXEL_CACHE to a folder"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "pluxel" / "embeddings"
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "embeddings"


def test_the_variable_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PLUXEL_CACHE", "~/x")
    assert cache_folder() == Path("/home/me/x/embeddings")
    assert cache_folder("~/y") == Path("/home/me/y/embeddings")
