"""``download: true`` fetches the original archives, from a server in the test."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel.plugins.datasets import loveda, oxford_pets
from pluxel.plugins.datasets.sbd import SBD
from pluxel.plugins.datasets.voc import VOC
from pluxel.plugins.datasets.voc_sbd import VOCAndSBD
from pluxel.registry import PluxelError
from torchvision.datasets import SBDataset, voc

from ...core.data.served import served
from .conftest import make_voc
from .paper import make_sbd
from .published import LAYOUTS
from .test_published import opened

pytestmark = pytest.mark.slow


def pack(source: Path, name: str, archive: Path) -> str:
    """Pack a folder under a name, and return the MD5 of the archive."""
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as file:
        file.add(source, name)
    return hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch) -> Iterator[Path]:
    """The folder of a site that has both archives, which torchvision takes for the real ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    kit = make_voc(tmp_path / "voc", "2011") / "VOCdevkit"
    digest = pack(kit, "TrainVal/VOCdevkit", folder / "VOC.tar")
    release = make_sbd(tmp_path / "sbd") / "benchmark_RELEASE"
    sbd = pack(release, "benchmark_RELEASE", folder / "benchmark.tgz")
    with served(folder) as address:
        given = {"url": f"{address}/VOC.tar", "md5": digest}
        known = voc.DATASET_YEAR_DICT["2011"] | given
        monkeypatch.setitem(voc.DATASET_YEAR_DICT, "2011", known)
        monkeypatch.setattr(SBDataset, "url", f"{address}/benchmark.tgz")
        monkeypatch.setattr(SBDataset, "md5", sbd)
        yield folder


@pytest.mark.parametrize("root", ["data", "VOCdevkit"])
def test_voc(tmp_path, root) -> None:
    dataset = VOC("train", root=tmp_path / root, year="2011", download=True)
    assert len(dataset) == 3
    expected = tmp_path / ("VOCdevkit" if root == "VOCdevkit" else "data/VOCdevkit") / "VOC2011"
    assert dataset[0].paths["image"].parent == expected / "JPEGImages"
    assert dataset[0].labels["semantic"].shape == (12, 16)


def test_both(tmp_path) -> None:
    roots = {"voc": tmp_path / "a", "sbd": tmp_path / "b"}
    assert len(VOCAndSBD("train", **roots, year="2011", download=True)) == 6
    assert len(SBD("val", root=tmp_path / "b")) == 2


def test_another_archive_is_not_kept(site, tmp_path) -> None:
    (site / "benchmark.tgz").write_bytes(b"sorry, moved")
    with pytest.raises(PluxelError) as caught:
        SBD("train", root=tmp_path / "new", download=True)
    message = caught.value.message
    assert message.startswith("cannot download benchmark.tgz of SBD (http://127.0.0.1:")
    assert "hash" in message
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".lock"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_pets(tmp_path, monkeypatch, split) -> None:
    """Each folder has an archive of its own."""
    release, site = LAYOUTS["oxford_pets"].write(tmp_path), tmp_path / "site"
    hashes = {
        name: pack(release / name, name, site / f"{name}.tar.gz") for name in oxford_pets._HASHES
    }
    monkeypatch.setattr(oxford_pets, "_HASHES", hashes)
    with served(site) as address:
        monkeypatch.setattr(oxford_pets, "_SITE", address)
        root = tmp_path / "new"
        dataset = opened(LAYOUTS["oxford_pets"], split, root, download=True)
    assert len(dataset) == 2
    assert dataset[0].labels["semantic"].shape == (12, 16)
    assert sorted(one.name for one in root.iterdir() if one.is_dir()) == ["annotations", "images"]


def test_loveda_fetches_the_archive_of_the_split(tmp_path, monkeypatch) -> None:
    release, site = LAYOUTS["loveda"].write(tmp_path), tmp_path / "site"
    archive = Path(shutil.make_archive(str(site / "Val"), "zip", release, "Val"))
    digest = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(loveda, "_FILES", {"Val": (archive.stat().st_size, digest)})
    with served(site) as address:
        monkeypatch.setattr(loveda, "_RECORD", address)
        dataset = opened(LAYOUTS["loveda"], "val", tmp_path / "new", download=True)
    assert [*dataset.names] == ["Rural/1va", "Urban/2va"]
    assert [one.name for one in (tmp_path / "new").iterdir() if one.is_dir()] == ["Val"]
