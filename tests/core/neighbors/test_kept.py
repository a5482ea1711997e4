"""Approximate indexes are kept on disk by content and parameters, and built again if damaged."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pluxel.core.neighbors import build_index

pytestmark = pytest.mark.peers
KINDS = ["faiss_hnsw", "faiss_ivf"]
Build = Callable[..., Any]


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(600, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def build(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Build:
    """Return a function that returns an index and whether it was built."""
    caplog.set_level("INFO", "pluxel")

    def build(vectors: torch.Tensor, kind: Any, **parameters: Any) -> tuple[Any, bool]:
        caplog.clear()
        found = build_index(vectors, kind, keep_in=tmp_path / "kept", **parameters)
        rows = f"building the index {kind} of {len(vectors):,} rows"
        return found, rows in caplog.messages

    return build


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_index_is_read(build: Build, vectors: torch.Tensor, kind: str) -> None:
    first, was_built = build(vectors, kind)
    second, is_built = build(vectors.clone(), kind)
    assert (was_built, is_built) == (True, False)
    for k in (1, 7):
        found, again = (index.search(vectors[:50], k) for index in (first, second))
        assert torch.equal(found.indices, again.indices)
        assert torch.equal(found.cosines, again.cosines)


@pytest.mark.parametrize("kind", KINDS)
def test_the_way_to_search_needs_no_other_index(
    build: Build, vectors: torch.Tensor, kind: str
) -> None:
    build(vectors, kind)
    assert not build(vectors, kind, ef_search=300, probes=2)[1]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("faiss_hnsw", {"links": 16}),
        ("faiss_hnsw", {"ef_construction": 40}),
        ("faiss_ivf", {"lists": 10}),
    ],
)
def test_other_parameters_are_another_index(
    build: Build, vectors: torch.Tensor, kind: str, parameters: dict[str, int]
) -> None:
    build(vectors, kind)
    assert build(vectors, kind, **parameters)[1]
    assert not build(vectors, kind, **parameters)[1]
    assert not build(vectors, kind)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_other_vectors_are_another_index(build: Build, vectors: torch.Tensor, kind: str) -> None:
    build(vectors, kind)
    changed = vectors.clone()
    changed[3, 2] += 1e-6
    for other in (changed, vectors[:-1], vectors.view(1200, 4), vectors.double()):
        assert build(other, kind)[1]
        assert not build(other, kind)[1]
    assert build(vectors.bfloat16(), kind)[1]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "damage",
    [flipped, lambda b: b[:-1], lambda b: b[:40], lambda b: b"", lambda b: b + b"0"],
    ids=["flipped bit", "one byte less", "start", "empty", "one byte more"],
)
def test_damaged_files_are_built_again(
    build: Build,
    vectors: torch.Tensor,
    kind: str,
    damage: Callable[[bytes], bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, _ = build(vectors, kind)
    (path,) = (tmp_path / "kept").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    index, was_built = build(vectors, kind)
    assert was_built
    assert f"{path} is damaged: its checksum does not match; building it again" in caplog.messages
    assert torch.equal(index.search(vectors[:9], 3).indices, first.search(vectors[:9], 3).indices)
    assert not build(vectors, kind)[1]


def test_an_index_of_other_rows_is_built_again(
    build: Build, vectors: torch.Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(vectors[:-1], "faiss_hnsw")
    (other,) = (tmp_path / "kept").iterdir()
    content = other.read_bytes()
    other.unlink()
    build(vectors, "faiss_hnsw")
    (path,) = (tmp_path / "kept").iterdir()
    path.write_bytes(content)
    assert build(vectors, "faiss_hnsw")[1]
    assert f"{path} is damaged: it has 599 rows of 8 numbers; building it again" in caplog.messages


def test_an_index_that_cannot_be_kept_is_used(
    build: Build, vectors: torch.Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        index, _ = build(vectors, "faiss_hnsw")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (message,) = (text for text in caplog.messages if "not kept" in text)
    assert message.startswith(f"the index is not kept: cannot write {tmp_path}/kept/faiss_hnsw-")
    assert message.endswith(".faiss: File too large")
    assert not [*(tmp_path / "kept").iterdir()]
    assert index.search(vectors[5], 1).indices.tolist() == [5]


def test_building_shows_progress(
    vectors: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    steps: list[int] = []

    class Track:
        def __init__(self, description: str, total: int) -> None:
            seen.append((description, total))

        def __enter__(self) -> Callable[[], None]:
            return lambda: steps.append(1)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("pluxel.core.common.progress.track", Track)
    many = vectors.repeat(8, 1)
    build_index(many, "faiss_hnsw", keep_in=tmp_path)
    assert (seen, len(steps)) == ([("building faiss_hnsw", 2)], 2)
