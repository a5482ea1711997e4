"""Mapped arrays have their bytes on disk before they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.common.mapped_files import new_mapped_array


def test_the_bytes_are_on_disk_before_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array = new_mapped_array(path, np.float32, (300, 1000))
    assert path.stat().st_blocks * 512 >= array.nbytes == 1_200_000
    array[7] = 3
    array.flush()
    read = np.load(path)
    assert (read.dtype, read.shape, read.sum()) == (np.float32, (300, 1000), 3000)


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        new_mapped_array(tmp_path / "a.npy", np.uint8, (10,))


def test_file_systems_that_cannot_allocate_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    assert new_mapped_array(tmp_path / "a.npy", np.uint8, (10,)).tolist() == [0] * 10
