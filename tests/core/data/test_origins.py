"""Datasets are downloaded completely or not at all; an error says what else to do."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel.core.common.downloads import without_downloads
from pluxel.core.data.origins import Archive, Origin, dataset_root
from pluxel.core.data.splits import BrokenData, MissingData
from pluxel.registry import PluxelError

from . import served as serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files are served at the address that is in its file ``address``."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serving.served(folder) as address:
        (folder / "address").write_text(address)
        yield folder


FILES = {"release/kit/img/a.jpg": b"image", "release/kit/cls/a.mat": b"mask", "release/x": b"more"}


def packed(folder: Path, name: str = "kit.tgz") -> Archive:
    path = folder / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file, data in FILES.items():
                archive.writestr(file, data)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for file, data in FILES.items():
                info = tarfile.TarInfo(file)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    address = (folder / "address").read_text()
    return Archive(f"{address}/{name}", f"md5:{digest}", {"release/kit": "kit"})


def origin(*archives: Archive) -> Origin:
    offered = (lambda: archives) if archives else None
    return Origin(
        "Kit", "kit.tgz from the kit's site", "kit/img and kit/cls", ("img", "cls"), ("kit",),
        archives=offered,
    )  # fmt: skip


def files_in(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in found if path.suffix != ".lock")


@pytest.mark.parametrize("name", ["kit.tgz", "kit.zip"])
def test_an_archive_is_downloaded_and_unpacked_once(served, tmp_path, name) -> None:
    root = tmp_path / "data" / "new"
    kit = origin(packed(served, name))
    assert dataset_root(root, kit, download=True) == root / "kit"
    assert files_in(root) == ["kit/cls/a.mat", "kit/img/a.jpg"]
    (served / name).unlink()
    assert dataset_root(root, kit, download=True) == root / "kit"


def test_without_permission_nothing_is_downloaded(served, tmp_path) -> None:
    kit, root = origin(packed(served)), tmp_path / "data"
    with pytest.raises(MissingData) as caught:
        dataset_root(root, kit)
    assert str(caught.value) == (
        f"Kit not found: {root} (only {tmp_path} exists)\n"
        "  note: fetch kit.tgz from the kit's site\n"
        f"  note: so that {root} contains kit/img and kit/cls\n"
        "  note: or set  download: true"
    )
    with without_downloads(), pytest.raises(MissingData) as caught:
        dataset_root(root, kit, download=True)
    assert str(caught.value) == f"Kit is not in {root} yet, and will be downloaded"
    assert not root.exists()


def test_a_dataset_that_cannot_be_downloaded(tmp_path) -> None:
    with pytest.raises(MissingData) as caught:
        dataset_root(tmp_path, origin())
    expected = f"Kit not found: no img and cls in any of {tmp_path}/, {tmp_path}/kit/"
    assert caught.value.message == expected
    notes = [
        "fetch kit.tgz from the kit's site",
        f"so that {tmp_path} contains kit/img and kit/cls",
    ]
    assert [*caught.value.notes] == notes
    with pytest.raises(PluxelError) as refused:
        dataset_root(tmp_path, origin(), download=True)
    assert not isinstance(refused.value, MissingData)  # which a check would only note
    assert refused.value.message == "Pluxel cannot download Kit: its terms do not permit that"
    assert [*refused.value.notes] == notes


def test_a_part_of_a_dataset(tmp_path) -> None:
    (tmp_path / "kit" / "cls").mkdir(parents=True)
    with pytest.raises(BrokenData) as caught:
        dataset_root(tmp_path, origin())
    assert caught.value.message == f"Kit is incomplete: {tmp_path}/kit has cls, but no img"
    assert caught.value.notes[0] == "fetch kit.tgz from the kit's site"
    with pytest.raises(BrokenData) as caught:
        origin().part(tmp_path / "kit" / "lists", "the lists of Kit")
    assert str(caught.value) == (
        f"the lists of Kit not found: {tmp_path}/kit/lists (only {tmp_path}/kit exists)\n"
        "  note: unpack or fetch again kit.tgz from the kit's site\n"
        "  note: the layout is kit/img and kit/cls"
    )


def test_another_file_than_expected_is_not_kept(served, tmp_path) -> None:
    good = packed(served)
    wrong = Archive(good.url, f"md5:{'0' * 32}", good.folders)
    with pytest.raises(PluxelError) as caught:
        dataset_root(tmp_path / "data", origin(wrong), download=True)
    assert caught.value.message.startswith(f"cannot download kit.tgz of Kit ({good.url}): ")
    assert "does not match the known hash" in caught.value.message
    assert caught.value.notes[0] == "fetch kit.tgz from the kit's site"
    assert files_in(tmp_path / "data") == []


def test_an_archive_that_cannot_be_unpacked_leaves_no_dataset(served, tmp_path) -> None:
    good = packed(served)
    content = (served / "kit.tgz").read_bytes()[:-40]
    (served / "kit.tgz").write_bytes(content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    root = tmp_path / "data"
    cut = Archive(good.url, f"md5:{digest}", good.folders)
    with pytest.raises(PluxelError, match=r"kit\.tgz cannot be unpacked: .*; delete it"):
        dataset_root(root, origin(cut), download=True)
    assert files_in(root) == ["kit.tgz"]
    other = Archive(packed(served).url, packed(served).hash, {"release/other": "kit"})
    with pytest.raises(PluxelError, match=r"kit\.tgz does not contain release/other"):
        dataset_root(root, origin(other), download=True)


def test_a_finished_download_is_used_again(served, tmp_path) -> None:
    kit, root = packed(served), tmp_path / "data"
    root.mkdir()
    (served / "kit.tgz").rename(root / "kit.tgz")
    assert dataset_root(root, origin(kit), download=True) == root / "kit"
    assert not (root / "kit.tgz").exists()


def test_the_root_may_be_the_first_folder_of_the_archive(served, tmp_path) -> None:
    one = packed(served)
    kit = origin(Archive(one.url, one.hash, {"release/kit": "release/kit"}))
    root = tmp_path / "release"
    assert dataset_root(root, kit, download=True) == root / "kit"
    assert files_in(root) == ["kit/cls/a.mat", "kit/img/a.jpg"]


def test_what_a_killed_process_unpacked_is_removed(served, tmp_path) -> None:
    root = tmp_path / "data"
    abandoned = root / ".pluxel-unfinished-0"
    abandoned.mkdir(parents=True)
    dataset_root(root, origin(packed(served)), download=True)
    assert not abandoned.exists()
