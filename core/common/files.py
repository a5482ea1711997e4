"""Write files atomically, so that none is ever incomplete, and check that files exist."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ...registry import PluxelError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_UNFINISHED = ".pluxel-unfinished-"
"""Start of the name of the hidden folders in which files are written before they are renamed."""

_UNTOUCHED = 24 * 3600.0
"""Seconds without a change after which unfinished files count as abandoned without locks."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path near ``path``; rename that file to ``path`` if the block succeeds.

    If the block fails, an existing file at ``path`` is unchanged and the temporary file is deleted.
    The first call for a folder in this process deletes what killed processes left in it.

    A device or a pipe at ``path`` stays, and gets the content.

    Raises: PluxelError if the file cannot be written (disk full, read-only, over quota, or the
    folder cannot be made). Other errors of the block, such as of a file that it reads, pass.
    """
    is_special = path.exists() and not (path.is_file() or path.is_dir())
    other: OSError | None = None
    try:
        with _folder_near(path, is_special=is_special) as folder:
            unfinished = folder / path.name  # the same name: image writers choose by its suffix
            try:
                yield unfinished
            except OSError as error:
                other = None if _is_of_writing(error, folder) else error
                raise
            if is_special:
                with unfinished.open("rb") as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
                return
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
    except OSError as error:
        if error is other:
            raise
        raise cannot_write(path, error) from error


def check_writable(path: Path, advice: Sequence[str] = ()) -> None:
    """Check, before work that takes long, that a file or folder can be written at ``path``.

    Folders on the way may be missing. ``advice``: what to do otherwise.

    Raises: PluxelError that names the nearest folder there is.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        return  # a device or a pipe
    folders = (path, *path.parents) if path.is_dir() else path.parents
    nearest = next(one for one in folders if os.access(one, os.F_OK))
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise PluxelError(
            f"cannot write to {path}: {nearest} is not a writable directory", [*advice]
        )


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder near ``path``; rename it to ``path`` if the block succeeds.

    A folder that is at ``path`` is deleted then, with all files in it.

    Raises: PluxelError if ``path`` cannot be written. Other errors of the block pass.
    """
    with ExitStack() as stack:
        with _writing(path):
            folder = stack.enter_context(_folder_near(path, is_special=False))
            unfinished = folder / path.name
            unfinished.mkdir()
        yield unfinished
        with _writing(path):
            if path.exists():
                path.replace(folder / f"{path.name}.earlier")
            unfinished.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, reason: OSError | str) -> PluxelError:
    """Return the error to raise for a file that cannot be written."""
    text = reason if isinstance(reason, str) else reason.strerror or reason
    return PluxelError(f"cannot write {path}: {text}")


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that only writing has; those of an open file do not name it."""


_PILLOW = "when writing image file"
"""End of Pillow's errors of writing, which have no number."""


def _is_of_writing(error: OSError, folder: Path) -> bool:
    """Return whether an error is from writing in a folder."""
    if error.errno in _NO_SPACE or str(error).endswith(_PILLOW):
        return True
    names = (error.filename, error.filename2)
    return any(isinstance(name, str | Path) and folder in Path(name).parents for name in names)


@contextmanager
def _folder_near(path: Path, *, is_special: bool) -> Iterator[Path]:
    if is_special:
        with TemporaryDirectory() as place:
            yield Path(place)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_once(path.parent)
    with own_folder(path.parent) as folder:
        yield folder


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """Make a hidden folder that no other process deletes while the block runs; then delete it."""
    while True:
        # The name is random, because processes on several hosts may write to one file system.
        folder = parent / f"{_UNFINISHED}{os.urandom(8).hex()}"
        folder.mkdir()
        try:
            with _lock(folder) as locked:
                if locked is not False:  # otherwise another process swept it before it was locked
                    yield folder
                    return
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Delete the hidden folders of processes that were killed; keep what cannot be deleted.

    A folder without a lock is abandoned. Where folders cannot be locked (Windows, some network
    file systems), it is abandoned if nothing in it changed for a day.
    """
    for folder in parent.glob(f"{_UNFINISHED}*"):
        with suppress(OSError), _lock(folder) as locked:
            if _is_untouched(folder) if locked is None else locked:
                shutil.rmtree(folder, ignore_errors=True)


_remove_once = cache(remove_abandoned)


def _is_untouched(folder: Path) -> bool:
    newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    return newest < time.time() - _UNTOUCHED


@contextmanager
def _lock(folder: Path) -> Iterator[bool | None]:
    """Lock a folder while the block runs, and yield whether this process has the lock.

    The lock ends with the process, however it ends. None: folders cannot be locked here.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        descriptor = None
    except PermissionError:  # Windows opens no folders
        yield None
        return
    try:
        yield descriptor is not None and _flock(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _flock(descriptor: int) -> bool | None:
    """Lock an open folder; return whether it worked and the folder still exists."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # NFS locks only files that are open for writing
        return None
    return os.fstat(descriptor).st_nlink > 0


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def copy_file(source: Path, target: Path) -> None:
    """Make ``target`` the file that ``source`` is now, atomically; without a copy where possible.

    Replacing ``source`` later, as `replacing` does, leaves ``target`` as it is.
    """
    with replacing(target) as unfinished:
        try:
            os.link(source, unfinished)
        except OSError:  # the file system has no hard links
            shutil.copyfile(source, unfinished)


def decode(content: bytes) -> str:
    """Return the text of UTF-8 bytes, without a byte-order mark.

    Raises: PluxelError for UTF-16 and for other bytes that are not UTF-8, with their line.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]:
        raise PluxelError("the text is UTF-16; save the file as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise PluxelError(f"not UTF-8 text: byte 0x{byte:02x} in line {line}") from error


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file. Raises: PluxelError with its name if it cannot be read."""
    try:
        return decode(path.read_bytes()).splitlines()
    except OSError as error:
        raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
    except PluxelError as error:
        raise PluxelError(f"{path}: {error.message}") from error


class MissingFile(PluxelError):  # noqa: N818 - the name states the error
    """A file to read does not exist; it may exist on another machine, or at a later time."""


def is_missing_file(error: BaseException) -> bool:
    """Return whether a missing file caused an error."""
    return isinstance(error, MissingFile) or isinstance(error.__cause__, MissingFile)


def require_file(path: str | Path) -> Path:
    """Return a path. Raises: MissingFile if it is a folder or does not exist."""
    path = Path(path)
    if not path.is_file():
        reason = "a folder, not a file" if path.is_dir() else "no such file"
        raise MissingFile(f"{path}: {reason}")
    return path


def expand_home(path: Path) -> Path:
    """Replace ``~`` or ``~user`` at the start of a path if that user exists."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
