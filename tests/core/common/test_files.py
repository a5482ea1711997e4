"""Files are written completely or not at all, and failures to write are reported."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
from pluxel.core.common.files import (
    MissingFile,
    copy_file,
    remove_abandoned,
    replacing,
    require_file,
    write_text,
)
from pluxel.registry import PluxelError


def test_a_complete_file_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.png"
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert not path.exists()
        assert unfinished.suffix == ".png"
    assert [file.name for file in path.parent.iterdir()] == ["x.png"]


def test_a_failure_leaves_the_existing_file_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_simultaneous_writers_use_different_files(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


WRITER = """
import os, signal, sys
from pathlib import Path
from pluxel.core.common.files import replacing
with replacing(Path(sys.argv[1]) / "x.bin") as unfinished:
    unfinished.write_bytes(b"half")
    print(unfinished, flush=True)
    sys.stdin.read(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def unfinished_of(writer: subprocess.Popen[str]) -> Path:
    assert writer.stdout is not None
    return Path(writer.stdout.readline().strip())


def test_leftovers_of_killed_processes_are_deleted(tmp_path: Path) -> None:
    """The file of a process that still writes stays."""
    start = partial(
        subprocess.Popen,
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with start() as killed, start() as writing:
        left, busy = unfinished_of(killed), unfinished_of(writing)
        killed.communicate("k")
        assert killed.returncode == -signal.SIGKILL
        assert left.exists()
        write_text(tmp_path / "y.txt", "text")
        assert not left.parent.exists()
        assert busy.read_bytes() == b"half"
        writing.communicate("k")
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["y.txt"]


def test_leftovers_are_judged_by_age_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.EBADF, "no locks here")))
    old, fresh = (tmp_path / f".pluxel-unfinished-{name}" for name in ("old", "fresh"))
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "x.bin").touch()
    os.utime(old / "x.bin", (0, 0))
    os.utime(old, (0, 0))
    write_text(tmp_path / "y.txt", "text")
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, "y.txt"}


def test_a_folder_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, folders = os.open, []

    def swept_once(path: Path, flags: int) -> int:
        folders.append(path)
        if len(folders) == 1:
            path.rmdir()
        return real(path, flags)

    monkeypatch.setattr("pluxel.core.common.files.os.open", swept_once)
    write_text(tmp_path / "x.txt", "text")
    assert len(folders) == 2
    assert (tmp_path / "x.txt").read_text() == "text"


def test_names_may_have_any_length_that_the_file_system_allows(tmp_path: Path) -> None:
    write_text(tmp_path / ("x" * 251 + ".txt"), "text")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(PluxelError, match=f"^cannot write {place}/x.txt: "):
            write_text(place / "x.txt", "text")


def test_an_error_of_reading_in_the_block_is_not_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input.txt"), replacing(tmp_path / "x") as _:
        (tmp_path / "input.txt").read_text()
    reading = BrokenPipeError(errno.EPIPE, "a worker ended")
    with pytest.raises(BrokenPipeError) as caught, replacing(tmp_path / "x"):
        raise reading
    assert caught.value is reading
    with pytest.raises(FileNotFoundError, match="input.txt"):
        copy_file(tmp_path / "input.txt", tmp_path / "x")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EDQUOT, "full"),
        OSError(errno.EFBIG, "full"),
    ],
)
def test_a_lack_of_space_names_the_target(tmp_path: Path, error: OSError) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(PluxelError, match=f"^cannot write {path}: full$"), replacing(path):
        raise error


def test_an_error_at_the_unfinished_file_names_the_target(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    message = f"^cannot write {path}: No such file or directory$"
    with pytest.raises(PluxelError, match=message), replacing(path) as unfinished:
        (unfinished.parent / "none" / "x.png").write_text("text")


def test_a_pipe_or_a_device_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 99) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
    assert [*tmp_path.iterdir()] == [pipe]
    with pytest.raises(PluxelError, match="^cannot write /dev/full: No space left on device$"):
        write_text(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_a_file_to_read_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(MissingFile, match=r"x\.txt: no such file"):
        require_file(path)
    with pytest.raises(MissingFile, match="a folder, not a file"):
        require_file(tmp_path)
    write_text(path, "here")
    assert require_file(str(path)) == path
