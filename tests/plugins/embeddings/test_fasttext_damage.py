"""Damaged and hostile fastText models raise errors that name the file."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.plugins.embeddings._fasttext_file import read_header
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.registry import PluxelError

from .fasttext_models import ELSEWHERE, handmade


@pytest.mark.parametrize("name", ["skipgram", "pruned", "output too"])
def test_truncated_models_raise(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    data = models[name].read_bytes()
    chance = random.Random(2)
    for cut in [*range(60), *chance.choices(range(len(data)), k=60), len(data) - 1]:
        path = tmp_path / "cut.bin"
        path.write_bytes(data[:cut])
        with pytest.raises(PluxelError):
            FastText(file=path)
    path.write_bytes(data + b"\0")
    with pytest.raises(PluxelError, match="1 bytes follow the end of the model"):
        FastText(file=path)


@pytest.mark.parametrize(
    ("place", "kind", "value", "message"),
    [
        (4, "<i", 13, "version 13 is not supported; supported: 11, 12"),
        (8, "<i", 0, "dim 0, bucket 500, maxn 6 are not valid sizes"),
        (8, "<i", 11, "of 11 dimensions do not fit vectors"),
        (48, "<i", 2**31 - 1, "dim 10, bucket 500, maxn 2147483647 are not valid sizes"),
        (40, "<i", -5, "dim 10, bucket -5, maxn 6 are not valid sizes"),
        (40, "<i", 501, "501 subwords of 10 dimensions do not fit vectors"),
        (64, "<i", 2_000_000_000, "wrong dictionary sizes: 2,000,000,000 entries"),
        (68, "<i", -1, "wrong dictionary sizes: "),
        (72, "<i", 1, "wrong dictionary sizes: "),
        (
            84,
            "<q",
            10**12,
            "1,000,000,000,000 kept hashes would take 8,000,000,000,000 bytes",
        ),
        ("matrix", "<B", 2, "the flag of quantized vectors is 2, neither 0 nor 1"),
        ("rows", "<q", 10**12, "would take 40,000,000,000,000 bytes, but"),
        ("rows", "<q", -1, "the vectors cannot have -1 rows"),
        ("columns", "<q", 2**62, "bytes, but"),
    ],
)
def test_hostile_numbers_raise(
    models: dict[str, Path], tmp_path: Path, place: Any, kind: str, value: int, message: str
) -> None:
    data = bytearray(models["skipgram"].read_bytes())
    end = read_header(models["skipgram"]).end
    place = {"matrix": end, "rows": end + 1, "columns": end + 9}.get(place, place)
    struct.pack_into(kind, data, place, value)
    path = tmp_path / "hostile.bin"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(PluxelError) as caught:
        FastText(file=path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert peak < 5e7


@pytest.mark.parametrize(
    ("start", "reader"),
    [
        (b"3000000 300\n</s> ", "word2vec"),
        (b"\x93NUMPY\x01\x00", "table"),
        (b'\x90\x0f\0\0\0\0\0\0{"a":', "table"),
    ],
)
def test_files_for_other_readers_name_the_reader(tmp_path: Path, start: bytes, reader: str) -> None:
    path = tmp_path / "vectors.bin"
    path.write_bytes(start + bytes(200))
    with pytest.raises(PluxelError) as caught:
        FastText(file=path)
    reads = f"the embedding '{reader}' reads files that begin like this one"
    assert str(caught.value) == f"{path} is not a fastText model; {reads}"


def mutant(data: bytes, chance: random.Random, head: int) -> bytes:
    """Return a mutated model: bytes changed or inserted, a hostile number, or truncated."""
    changed = bytearray(data)
    place, how = chance.randrange(len(data)), chance.randrange(5)
    if how == 0:
        changed[place] = chance.randrange(256)
    elif how == 1:
        changed[chance.randrange(92)] ^= 1 << chance.randrange(8)
    elif how == 2:
        start = chance.choice([*range(4, 92, 4), *range(head, head + 60)])
        value = chance.choice([-1, 0, 1, 255, 256, 10**9, 2**31 - 1, -(2**31)])
        struct.pack_into("<i", changed, start, value)
    elif how == 3:
        del changed[place:]
    else:
        changed[place:place] = chance.randbytes(chance.randint(1, 9))
    return bytes(changed)


@pytest.mark.parametrize("name", ["skipgram", "supervised", "output too", "pruned"])
def test_mutated_models_raise_or_load(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    data, head = models[name].read_bytes(), read_header(models[name]).end
    chance = random.Random(name)
    refused: list[tuple[Path, str]] = []
    for number in range(50):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(mutant(data, chance, head))
        try:
            ours = FastText(file=path)
            assert tuple(ours.vectors.shape) == (len(ours.itos), ours.dim)
            assert ours.vectors.isfinite().all()
            if ours.has_subwords:
                assert tuple(ours.get_vecs_by_tokens(ELSEWHERE).shape) == (len(ELSEWHERE), ours.dim)
            if ours.labels:
                assert tuple(ours.label_vectors.shape) == (len(ours.labels), ours.dim)
        except PluxelError as error:
            refused.append((path, str(error)))
    assert 10 < len(refused) < 50
    assert all(path.name in text for path, text in refused)


def test_non_finite_values_raise(made: Path) -> None:
    inputs = np.zeros((21, 4))
    inputs[1:] = np.nan
    made.write_bytes(handmade([b"</s>"], [b"x"], inputs=inputs, outputs=np.full((1, 4), np.inf)))
    ours = FastText(file=made)
    with pytest.raises(
        PluxelError, match=r"made.bin: the subwords of 'abc' have a value that is not"
    ):
        _ = ours["abc"]
    with pytest.raises(PluxelError, match=r"made.bin: the rows of the labels have a value"):
        _ = ours.label_vectors


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [([0], np.inf), ([np.inf, -np.inf], 1)], ids=["norms", "sums"])
def test_non_finite_quantized_values_raise(
    models: dict[str, Path], tmp_path: Path, values: tuple[list[float], float]
) -> None:
    """Zero times infinity and infinity minus infinity raise errors, not warnings."""
    source = models["norms apart"]
    data, place = bytearray(source.read_bytes()), read_header(source).end + 2
    rows, _, size = struct.unpack_from("<qqi", data, place)
    centroids = place + 20 + size + 16
    norms = centroids + 4 * 10 * 256 + rows + 16
    numbers, lengths = values
    struct.pack_into("<2560f", data, centroids, *random.Random(0).choices(numbers, k=2560))
    struct.pack_into("<256f", data, norms, *[lengths] * 256)
    path = tmp_path / "infinite.ftz"
    path.write_bytes(data)
    with pytest.raises(PluxelError, match=r"infinite.ftz, word 0: a value of the vector is not"):
        FastText(file=path)


def test_model_without_words_raises(made: Path) -> None:
    made.write_bytes(handmade([], [b"x"]))
    with pytest.raises(PluxelError, match=r"made.bin: the model has no words"):
        FastText(file=made)
