"""A missing JSON file and a damaged one are different errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core.common.files import MissingFile
from pluxel.core.common.json_files import DamagedFile, read_json, require_json, write_json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.json"
    file.parent.mkdir()
    write_json(file, {"names": ["é", None], "half": 0.5})
    assert read_json(file) == require_json(file) == {"names": ["é", None], "half": 0.5}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"half": ', "is damaged: it is not JSON"),
        (b"", "is damaged: it is not JSON"),
        (b"\xff\xfe", "is damaged: it is not JSON"),
        (b"[" * 100_000, "is damaged: it is not JSON"),
        (b"[1]", "is damaged: it holds no JSON object"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFile) as caught:
        require_json(file)
    assert caught.value.message == f"{file} {reason}"
    assert read_json(file) in (None, [1])


def test_missing_files(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert read_json(file) is None
    with pytest.raises(MissingFile, match=r"a\.json: no such file"):
        require_json(file)
