"""Whether the owner of a lease is dead, which filelock tells by private names only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import SoftFileLease
from pluxel.core.common.filelock_private import owner_is_dead

DIES = """
import os, sys
from filelock import SoftFileLease
lease = SoftFileLease(sys.argv[1])
lease.acquire()
os._exit(0)
"""


def test_an_owner_that_ended_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = tmp_path / "lease"
    subprocess.run([sys.executable, "-c", DIES, str(lease)], check=True)
    assert owner_is_dead(lease)
    monkeypatch.setitem(sys.modules, "filelock._identity", None)  # another version of filelock
    assert not owner_is_dead(lease)


def test_an_owner_that_lives_or_is_unknown_is_not_dead(tmp_path: Path) -> None:
    with SoftFileLease(tmp_path / "lease"):
        assert not owner_is_dead(tmp_path / "lease")
    assert not owner_is_dead(tmp_path / "lease")
    (tmp_path / "lease").touch()
    assert not owner_is_dead(tmp_path / "lease")
