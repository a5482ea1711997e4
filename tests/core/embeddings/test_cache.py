"""What the cache of stores remembers of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pluxel.core.embeddings._cache import content_hash


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b"{}", b"\xff", b"1"])
def test_a_damaged_record_of_a_hash_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"the 0.1 0.2\n")
    expected = hashlib.sha256(b"the 0.1 0.2\n").hexdigest()
    assert content_hash(source, tmp_path) == expected
    (record,) = (tmp_path / "sources").iterdir()
    whole = record.read_bytes()
    record.write_bytes(damage)
    assert content_hash(source, tmp_path) == expected
    assert record.read_bytes() == whole


def test_a_record_is_believed_as_long_as_the_file_stays_the_same(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"the 0.1 0.2\n")
    digest = content_hash(source, tmp_path)
    (record,) = (tmp_path / "sources").iterdir()
    record.write_bytes(record.read_bytes().replace(digest.encode(), b"known"))
    assert content_hash(source, tmp_path) == "known"
    source.write_bytes(b"the 0.1 0.2\nof 1 2\n")
    assert content_hash(source, tmp_path) == hashlib.sha256(source.read_bytes()).hexdigest()
