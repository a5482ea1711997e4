"""Where a dataset comes from: what to fetch and where to put it, or an archive to download."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ...registry import PluxelError
from ..common.downloads import Mebibytes, may_download, retrieve
from ..common.files import own_folder, remove_abandoned
from ..common.logs import logger
from ..common.progress import track
from .roots import deepest_existing, existing_folder, find_root
from .splits import BrokenData, MissingData

_LOCK = ".pluxel-download.lock"


@dataclass(frozen=True)
class Archive:
    """An archive on the web.

    ``hash``: algorithm and hexadecimal digits, such as ``md5:…``. ``folders``: folder in the
    archive -> where it goes below the root; anything else in the archive is left out. ``size``:
    bytes, 0 if unknown.
    """

    url: str
    hash: str
    folders: Mapping[str, str]
    size: int = 0

    @property
    def name(self) -> str:
        """The name of the file."""
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True)
class Origin:
    """What a dataset is, how to recognize its folder, and where to get it.

    ``fetch``: what to get, and from where, by name. ``layout``: the paths that the folder must
    contain then. ``markers``, ``below``, ``others``: see `find_root`. ``archives``: returns what
    may be downloaded; None if the terms of the dataset do not permit that.
    """

    what: str
    fetch: str
    layout: str
    markers: Sequence[str]
    below: Sequence[str] = ()
    others: Collection[str] = ()
    archives: Callable[[], Sequence[Archive]] | None = None

    def find(self, root: Path) -> Path | None:
        """Return the folder of the dataset near ``root``, or None; see `find_root`."""
        return find_root(root, self.what, self.markers, self.below, self.others)

    def missing(self, root: Path) -> MissingData:
        """Return the error for a folder without the dataset, with what to do."""
        notes = [*self.advice(root)]
        if self.archives is not None:
            notes.append("or set  download: true")
        if not root.is_dir():
            return MissingData(f"{self.what} not found: {deepest_existing(root)}", notes)
        folders = [root, *(root / one for one in self.below)]
        for folder in folders:
            there = [one for one in self.markers if (folder / one).exists()]
            if there:
                absent = " and ".join(one for one in self.markers if one not in there)
                text = f"{folder} has {' and '.join(there)}, but no {absent}"
                return BrokenData(f"{self.what} is incomplete: {text}", notes)
        places = ", ".join(f"{folder}/" for folder in folders)
        markers = " and ".join(self.markers)
        return MissingData(f"{self.what} not found: no {markers} in any of {places}", notes)

    def part(self, folder: Path, what: str) -> Path:
        """Return a folder of the dataset, which was found. Raises: BrokenData if it is missing."""
        return existing_folder(folder, what, is_part=True, advice=self.again)

    @property
    def again(self) -> list[str]:
        """What to do about a dataset that is incomplete, as notes of an error."""
        return [f"unpack or fetch again {self.fetch}", f"the layout is {self.layout}"]

    def advice(self, root: Path) -> list[str]:
        """Return what to fetch and where to put it, as notes of an error."""
        return [f"fetch {self.fetch}", f"so that {root} contains {self.layout}"]


def dataset_root(root: Path, origin: Origin, *, download: bool = False) -> Path:
    """Return the folder of a dataset, near ``root``; download the dataset there if permitted.

    Raises: MissingData that says what to fetch and where to put it; PluxelError if a download
    fails, or if the terms of the dataset do not permit it.
    """
    if found := origin.find(root):
        return found
    if not download:
        raise origin.missing(root)
    if origin.archives is None:
        message = f"Pluxel cannot download {origin.what}: its terms do not permit that"
        raise PluxelError(message, origin.advice(root))
    if not may_download():
        raise MissingData(f"{origin.what} is not in {root} yet, and will be downloaded")
    for archive in origin.archives():
        _install(archive, root, origin)
    if found := origin.find(root):
        return found
    raise origin.missing(root)  # the archive is another one


def _install(archive: Archive, root: Path, origin: Origin) -> None:
    """Download and unpack an archive; one process does it, others wait for it.

    An archive is kept until it is unpacked, so that a later call need not download it again.
    """
    from filelock import FileLock  # noqa: PLC0415 - only for a download

    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / _LOCK):
            places = {inner: _below(root, to) for inner, to in archive.folders.items()}
            if not all(place.exists() for place in places.values()):
                _fetch_and_unpack(archive, places, root, origin)
    except OSError as error:
        raise PluxelError(f"cannot write to {root}: {error.strerror or error}") from error


def _below(root: Path, place: str) -> Path:
    """Return a place below the root, which may itself be the first folder of the place."""
    first, _, rest = place.partition("/")
    return root / rest if rest and root.absolute().name == first else root / place


def _fetch_and_unpack(
    archive: Archive, places: Mapping[str, Path], root: Path, origin: Origin
) -> None:
    path = root / archive.name
    what = f"{archive.name} of {origin.what} ({archive.url})"
    advice = origin.advice(root)
    retrieve(archive.url, path, what=what, size=archive.size, hash=archive.hash, advice=advice)
    remove_abandoned(root)
    with own_folder(root) as folder:
        _unpack(path, folder, [*places])
        for inner, place in places.items():
            if not (folder / inner).exists():
                raise PluxelError(f"{path} does not contain {inner}", advice)
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                (folder / inner).rename(place)
    path.unlink()
    logger.info("%s: downloaded to %s", origin.what, root)


def _unpack(path: Path, folder: Path, wanted: Sequence[str]) -> None:
    """Unpack some folders of a tar or zip archive. Raises: PluxelError if it is damaged."""
    try:
        with path.open("rb") as file, _bytes_shown(path, file) as update:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    for member in archive.infolist():
                        if _is_within(member.filename, wanted):
                            archive.extract(member, folder)
                        update()
                return
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                for member in archive:
                    if _is_within(member.name, wanted):
                        archive.extract(member, folder, filter="data")
                    update()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise PluxelError(f"{path} cannot be unpacked: {error}; delete it and try again") from error


def _is_within(name: str, wanted: Sequence[str]) -> bool:
    name = name.removeprefix("./")
    return any(name == one or name.startswith(f"{one}/") for one in wanted)


@contextmanager
def _bytes_shown(path: Path, file: IO[bytes]) -> Iterator[Callable[[], None]]:
    """Show how much of an archive was read, whenever the yielded function is called."""
    total = max(1, path.stat().st_size >> 20)
    with track(f"unpacking {path.name} (MiB)", total) as advance:
        count, done = Mebibytes(advance), 0

        def update() -> None:
            nonlocal done
            place = file.tell()
            count.update(max(0, place - done))
            done = max(done, place)

        yield update
