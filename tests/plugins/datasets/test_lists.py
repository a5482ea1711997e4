"""Lists of samples as different editors save them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pluxel.core import Dataset
from pluxel.plugins.datasets.camvid import CamVid
from pluxel.plugins.datasets.folder import Folder
from pluxel.plugins.datasets.voc import VOC
from pluxel.registry import PluxelError

from .conftest import make_camvid, make_voc, voc_ids
from .pictures import photograph, save

Lists = tuple[Path, list[str], Callable[[], Dataset]]
"""A list file, the names to write into it, and how to open the dataset."""


def in_folder(root: Path) -> Lists:
    for name in ("größe", "b", "a"):
        save(root / "photos" / f"{name}.png", photograph())
        save(root / "masks" / f"{name}.png", voc_ids() % 2)
    given = {"images": Path("photos"), "masks": Path("masks"), "classes": ["a", "b"]}
    listing = {"x": Path("x.txt")}
    return root / "x.txt", ["größe", "b"], lambda: Folder("x", root=root, splits=listing, **given)


def in_voc(root: Path) -> Lists:
    make_voc(root)
    listing = root / "VOCdevkit/VOC2012/ImageSets/Segmentation/x.txt"
    return listing, ["2012_val_000001", "2012_val_000000"], lambda: VOC("x", root=root)


def in_camvid(root: Path) -> Lists:
    make_camvid(root)
    return root / "val.txt", ["0016E5_00030", "0016E5_00000"], lambda: CamVid("val", root=root)


@pytest.mark.parametrize("make", [in_folder, in_voc, in_camvid])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_with_and_without_a_mark(tmp_path, make, newline, encoding) -> None:
    listing, names, opened = make(tmp_path)
    lines = [f"{name}.png {name}.png" if make is in_camvid else name for name in names]
    listing.write_bytes("".join(line + newline for line in lines).encode(encoding))
    assert [sample.name for sample in map(opened().__getitem__, range(2))] == names


@pytest.mark.parametrize("make", [in_folder, in_voc, in_camvid])
@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", "the text is UTF-16; save the file as UTF-8"),
        ("utf-16-le", "the text is UTF-16; save the file as UTF-8"),
        ("utf-16-be", "the text is UTF-16; save the file as UTF-8"),
        ("latin-1", "not UTF-8 text: byte 0xf6 in line 2"),
    ],
)
def test_other_encodings_are_an_error_with_the_file(tmp_path, make, encoding, message) -> None:
    listing, _, opened = make(tmp_path)
    listing.write_bytes("b\ngröße\n".encode(encoding))
    with pytest.raises(PluxelError, match=f"^{listing}: {message}$"):
        opened()
