"""Word vectors in one memory-mapped file."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pluxel.core.embeddings import StoredVectors, _store, is_store, open_store, writing
from pluxel.registry import PluxelError
from safetensors.numpy import load_file, save_file

from .conftest import stored

WORDS = ["the", "naïve", "of", "New York", "\x85"]
VECTORS = np.arange(15, dtype=np.float32).reshape(5, 3) - 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "words.safetensors"


def header_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


def write(path: Path, *blocks: np.ndarray, words: int | None = None) -> None:
    """Write blocks of rows; ``words`` sets the number of words of all blocks but the first."""
    with writing(path) as writer:
        for i, rows in enumerate(blocks):
            writer.add([b"word"] * (words if i and words is not None else len(rows)), rows)
        writer.finish({})


def test_round_trip(path: Path) -> None:
    store = stored(path, WORDS, VECTORS, rows=2, source="words.txt", format="mine")
    assert [*store.vocabulary] == WORDS
    assert (store.arrays["vectors"].numpy() == VECTORS).all()
    assert np.allclose(store.arrays["norms"], np.linalg.norm(VECTORS.astype(float), axis=1))
    assert np.allclose(store.arrays["mean"], VECTORS.mean(0, dtype=float), atol=1e-15)
    assert (store.path, store.metadata["source"], store.metadata["duplicates"]) == (
        path,
        "words.txt",
        "0",
    )
    assert is_store(path)


def test_compact_copy_finds_the_same_words(path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(9000, 12)).astype(np.float32)
    found = StoredVectors(stored(path, [f"w{i}" for i in range(9000)], rows))
    cosines = rows[7].astype(float) @ rows.T.astype(float) / np.linalg.norm(rows, axis=1)
    assert found.index.compact is not None
    assert found.index.search(found["w7"], 5).indices.tolist() == np.argsort(-cosines)[:5].tolist()


def test_attached_arrays_come_back(path: Path) -> None:
    with writing(path) as writer:
        writer.add([b"a"], VECTORS[:1])
        writer.attach("labels", np.array([[3, 4]], np.int32))
        writer.finish({})
    assert open_store(path).arrays["labels"].tolist() == [[3, 4]]


def test_store_is_a_plain_safetensors_file(path: Path) -> None:
    stored(path, WORDS, VECTORS)
    arrays = load_file(path)
    assert (arrays["vectors"] == VECTORS).all()
    assert arrays["blob"].tobytes().decode() == "".join(WORDS)


def test_arrays_are_aligned_and_contiguous(path: Path) -> None:
    stored(path, WORDS, VECTORS)
    begin, header = 8 + int.from_bytes(path.read_bytes()[:8], "little"), header_of(path)
    assert begin == 4096
    assert header.pop("__metadata__")["format"] == "pluxel-embedding-2"
    places = sorted(entry["data_offsets"] for entry in header.values())
    assert [start for start, _ in places] == [0, *(end for _, end in places[:-1])]
    assert begin + places[-1][1] == path.stat().st_size
    for name, entry in header.items():
        assert name.startswith("padding.") or (begin + entry["data_offsets"][0]) % 64 == 0


def test_rows_are_memory_mapped(path: Path) -> None:
    store = stored(path, WORDS, VECTORS)
    first, last = next(
        line.split()[0].split("-")
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(path))
    )
    assert int(first, 16) <= store.arrays["vectors"].data_ptr() < int(last, 16)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_meta_as_default_device(path: Path, device: str) -> None:
    stored(path, WORDS, VECTORS)
    with torch.device(device):
        found = StoredVectors(open_store(path), unknown="zero")
        assert found["naïve"].tolist() == [-1, 0, 1]
        assert found["other words"].tolist() == [0, 0, 0]


class TestDuplicates:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20), st.integers(1, 7))
    def test_first_of_each_word_is_kept(self, path: Path, words: list[str], rows: int) -> None:
        vectors = np.arange(2 * len(words), dtype=np.float32).reshape(-1, 2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_store, "_BLOCK", 24)  # three rows
            store = stored(path, words, vectors, rows=rows)
        kept = [words.index(word) for word in dict.fromkeys(words)]
        assert [*store.vocabulary] == [*dict.fromkeys(words)]
        assert (store.arrays["vectors"].numpy() == vectors[kept]).all()
        assert np.allclose(store.arrays["norms"], np.linalg.norm(vectors[kept], axis=1))
        assert np.allclose(store.arrays["mean"], vectors[kept].mean(0))
        assert int(store.metadata["duplicates"]) == len(words) - len(kept)


class TestRefusals:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
    def test_non_finite_values_raise(self, path: Path, bad: float) -> None:
        rows = np.ones((4, 2))
        rows[2, 1] = bad
        with writing(path) as writer:
            writer.add([b"a"], rows[:1])
            with pytest.raises(PluxelError, match=r"^row 3: a value of the vector is not a finite"):
                writer.add([b"b", b"c", b"d"], rows[:3])
            with pytest.raises(PluxelError, match=r"^line 12: a value of the vector is not a fin"):
                writer.add([b"b", b"c", b"d"], rows[:3], lambda i: f"line {10 + i}")
            writer.add([b"b"], rows[:1])
            writer.finish({})
        assert [*open_store(path).vocabulary] == ["a", "b"]

    @pytest.mark.parametrize(
        ("words", "shape"), [(2, (2, 3)), (1, (2, 2)), (3, (2, 2)), (2, (4,)), (1, ())]
    )
    def test_misshapen_rows_raise(self, path: Path, words: int, shape: tuple[int, ...]) -> None:
        with pytest.raises(PluxelError, match=rf"^{words} words do not fit vectors \(.*\); D = 2$"):
            write(path, np.ones((1, 2)), np.ones(shape), words=words)
        assert [*path.parent.iterdir()] == []

    @pytest.mark.parametrize("rows", [[], [np.ones((0, 3))], [np.ones((1, 0))]])
    def test_no_vectors_raise(self, path: Path, rows: list[np.ndarray]) -> None:
        with pytest.raises(PluxelError, match="the source contains no vectors"):
            write(path, *rows)
        assert [*path.parent.iterdir()] == []

    def test_too_long_metadata_raises(self, path: Path) -> None:
        with pytest.raises(PluxelError, match="the metadata of the source is too long"):
            stored(path, WORDS, VECTORS, source="x" * 4000)
        assert [*path.parent.iterdir()] == []


class TestDamage:
    @pytest.mark.parametrize("length", [0, 7, 100, 4096, 4100, -1])
    def test_truncated_file_raises(self, path: Path, length: int) -> None:
        stored(path, WORDS, VECTORS)
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(PluxelError, match=rf"^{path} is not a word-vector store: "):
            open_store(path)

    def test_missing_file_and_other_safetensors_file_raise(self, path: Path) -> None:
        with pytest.raises(PluxelError, match=rf"^{path} is not a word-vector store: "):
            open_store(path)
        assert not is_store(path)
        save_file({"vectors": VECTORS}, path)
        assert not is_store(path)
        text = rf"^{path} is not a word-vector store: its metadata name no format$"
        with pytest.raises(PluxelError, match=text):
            open_store(path)

    @pytest.mark.parametrize(
        ("version", "message"),
        [
            (
                1,
                "was written by an older Pluxel (version 1 of the word-vector store format), and "
                "this one no longer opens it: make it again",
            ),
            (
                3,
                "was written by a newer Pluxel (version 3 of the word-vector store format; this "
                "one opens version 2): pip install --upgrade pluxel",
            ),
        ],
    )
    def test_other_version_raises(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, version: int, message: str
    ) -> None:
        monkeypatch.setattr(_store, "FORMAT", f"pluxel-embedding-{version}")
        with writing(path) as writer:
            writer.add([word.encode() for word in WORDS], VECTORS)
            writer.finish({})
        monkeypatch.undo()
        assert is_store(path)
        with pytest.raises(PluxelError) as caught:
            open_store(path)
        assert str(caught.value) == f"{path} {message}"

    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("norms", None, "the array norms is missing"),
            ("vectors", None, "the array vectors is missing"),
            ("compact.codes", None, "the array compact.codes is missing"),
            ("norms", np.ones(5, np.float32), r"norms is \(5,\) torch.float32"),
            ("hashes", np.zeros(4, np.int64), r"hashes is \(4,\) torch.int64"),
            ("vectors", np.ones(5, np.float32), r"vectors is \(5,\)"),
            ("vectors", np.ones((5, 0), np.float32), r"vectors is \(5, 0\)"),
            ("vectors", np.ones((4, 3), np.float32), r"norms is \(5,\)"),
            ("vectors", np.ones((5, 3)), r"vectors is \(5, 3\) torch.float64"),
            ("mean", np.ones(4), r"mean is \(4,\) torch.float64"),
            ("blob", np.array(7, np.uint8), r"blob is \(\) torch.uint8"),
            ("blob", np.ones(3, np.uint8), "the word offsets are not in order"),
            ("offsets", np.array([1, 3, 9, 9, 17, 19]), "the word offsets are not in order"),
            ("offsets", np.array([0, 9, 3, 9, 17, 19]), "the word offsets are not in order"),
            ("order", np.array([0, 1, 2, 3, 5]), "a word number is out of range"),
            ("order", np.array([0, 1, 2, 3, -1]), "a word number is out of range"),
            ("compact.basis", np.array(1, np.float32), r"compact.basis is \(\)"),
            ("compact.codes", np.array(1, np.int8), r"compact.codes is \(\)"),
            ("compact.codes", np.ones((4, 3), np.int8), r"compact.codes is \(4, 3\)"),
            ("compact.codes", np.ones((5, 3), np.int8), r"codes \(5, 3\) and 4 scales do not form"),
            ("compact.scales", np.ones(3), r"compact.scales is \(3,\)"),
        ],
    )
    def test_wrong_arrays_raise(
        self, path: Path, name: str, array: np.ndarray | None, message: str
    ) -> None:
        metadata = dict(stored(path, WORDS, VECTORS).metadata)
        arrays = load_file(path)
        del arrays[name]
        save_file(arrays if array is None else {**arrays, name: array}, path, metadata)
        with pytest.raises(PluxelError, match=rf"^{path} is damaged: {message}"):
            open_store(path)

    @pytest.mark.parametrize("duplicates", [None, "-1", "many"])
    def test_wrong_number_of_duplicates_raises(self, path: Path, duplicates: str | None) -> None:
        metadata = dict(stored(path, WORDS, VECTORS).metadata)
        del metadata["duplicates"]
        more = {} if duplicates is None else {"duplicates": duplicates}
        save_file(load_file(path), path, metadata | more)
        with pytest.raises(PluxelError, match="is damaged: the number of duplicates is missing"):
            open_store(path)


class TestWholeOrNotAtAll:
    def test_failure_keeps_the_previous_file(self, path: Path) -> None:
        stored(path, WORDS, VECTORS)
        before = path.read_bytes()
        with pytest.raises(PluxelError, match="row 4: "):
            stored(path, WORDS, np.where(VECTORS > 9, np.nan, VECTORS), rows=2)
        assert path.read_bytes() == before
        assert [*path.parent.iterdir()] == [path]

    @pytest.fixture
    def small_disk(self) -> Iterator[None]:
        """Limit files to 30,000 bytes; Python ignores the signal, so the write fails."""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    @pytest.mark.parametrize("count", [1500, 6000])
    @pytest.mark.usefixtures("small_disk")
    def test_full_disk_leaves_no_file(self, path: Path, count: int) -> None:
        """The disk fills up in the arrays after the rows, or in the rows."""
        with pytest.raises(PluxelError, match=rf"^cannot write {path}: File too large$"):
            stored(path, [str(i) for i in range(count)], np.ones((count, 2)))
        assert [*path.parent.iterdir()] == []

    @pytest.mark.slow
    def test_killed_process_leaves_no_file(self, path: Path) -> None:
        code = f"""
import numpy as np
from pathlib import Path
from pluxel.core.embeddings import writing
with writing(Path({str(path)!r})) as writer:
    writer.add([b"a", b"b"], np.ones((2, 2)))
    print("half", flush=True)
    input()
    writer.finish({{}})
"""
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "half\n"
            os.kill(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not path.exists()
        assert [*stored(path, WORDS, VECTORS).vocabulary] == WORDS


@pytest.mark.slow
def test_large_blocks_are_checked_piecewise(path: Path) -> None:
    rows = np.ones((16_000, 512), np.float32)
    tokens = [b"%d" % i for i in range(len(rows))]
    tracemalloc.start()
    try:
        with writing(path) as writer:
            writer.add(tokens, rows)
            assert tracemalloc.get_traced_memory()[1] < 24 << 20
            writer.finish({})
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_only_the_words_stay_in_memory(path: Path) -> None:
    """Of 32 MiB of rows, a tenth of them dropped, at most a few blocks are in memory."""
    block = np.random.default_rng(0).normal(size=(1000, 512)).astype(np.float32)
    tracemalloc.start()
    try:
        with writing(path) as writer:
            for start in range(0, 16_000, 1000):
                writer.add([b"%d" % (i % 14_400) for i in range(start, start + 1000)], block)
            writer.finish({})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert writer.duplicates == 1600
    assert peak < 20 << 20
