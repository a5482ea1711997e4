"""Entries of arrays in MATLAB files of version 7.3, and what is wrong with other files."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from pluxel.core.data.mat73 import mat73_entry, mat73_names, mat73_shape
from pluxel.core.data.pixels import ImageError
from pluxel.registry import MissingPackage
from scipy.io import savemat

from .mat73_files import save_mat73

IMAGES = np.arange(5 * 7 * 3 * 4, dtype=np.uint16).reshape(5, 7, 3, 4)
LABELS = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)
NAMES = ("wall", "büro", "night stand")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    arrays = {"images": IMAGES, "labels": LABELS, "depths": LABELS / 7}
    return save_mat73(tmp_path / "a.mat", arrays, {"names": NAMES})


def error(path: Path, read, *arguments: object) -> str:
    with pytest.raises(ImageError) as caught:
        read(path, *arguments)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_entries_have_the_axes_of_matlab(path) -> None:
    assert mat73_shape(path, "images") == IMAGES.shape
    for index in range(4):
        image, labels = (mat73_entry(path, key, index) for key in ("images", "labels"))
        assert (image == IMAGES[..., index]).all()
        assert (labels == LABELS[..., index]).all()
        assert image.dtype == np.uint16
        assert image.flags.c_contiguous
    assert mat73_entry(path, "depths", 1).dtype == np.float64


def test_texts_of_a_cell_array(path) -> None:
    assert mat73_names(path, "names") == [*NAMES]
    assert error(path, mat73_names, "labels") == "'labels' must be a cell array of text, not uint8"


@pytest.mark.parametrize(
    ("key", "index", "message"),
    [
        ("depth", 0, "has no variable 'depth'; it has 'depths', 'images', 'labels', 'names'"),
        ("labels", 4, "'labels' has 4 entries, none at 4"),
        ("labels", -1, "'labels' has 4 entries, none at -1"),
        ("names", 0, "'names' must be numbers, not object"),
        ("#refs#", 0, "'#refs#' is a struct; expected an array"),
    ],
)
def test_what_is_not_there(path, key, index, message) -> None:
    assert error(path, mat73_entry, key, index) == message


@pytest.mark.parametrize("cell", [np.ones((2, 1)), np.full((1 << 17, 1), 97, np.uint16)])
def test_cells_without_text_are_named(tmp_path, cell) -> None:
    path = save_mat73(tmp_path / "a.mat", {}, {"names": ["one", "two"]})
    with h5py.File(path, "r+") as file:
        del file["#refs#"]["names1"]
        file["#refs#"]["other"] = cell
        file["names"][0, 1] = file["#refs#"]["other"].ref
    assert error(path, mat73_names, "names") == "a cell of 'names' is not text"


def test_other_shapes(tmp_path) -> None:
    path = save_mat73(tmp_path / "a.mat", {"labels": np.zeros((5, 7))})
    assert error(path, mat73_entry, "labels", 0) == (
        "'labels' has the shape (5, 7); expected (height, width, samples) or (height, width, "
        "channels, samples)"
    )


@pytest.mark.parametrize("chunks", [None, (1, 64, 64)])
def test_a_claimed_size_is_never_allocated(tmp_path, chunks) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("labels", (3, 2**20, 2**20), np.uint8, chunks=chunks or (1, 8, 8))
    assert path.stat().st_size < 10_000
    expected = (
        "an entry of 'labels' has 1048576×1048576 values. This limit protects against damaged "
        "files; if the file really is that large, set the environment variable PLUXEL_MAX_PIXELS "
        "to a larger number"
    )
    assert error(path, mat73_entry, "labels", 0) == expected


def test_a_claimed_chunk_is_never_allocated(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "1000")
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("labels", (500, 8, 8), np.uint8, chunks=(500, 8, 8))
    assert error(path, mat73_entry, "labels", 0).startswith("an entry of 'labels' has 8×8")


def test_version_5_is_named(tmp_path) -> None:
    savemat(tmp_path / "a.mat", {"labels": LABELS})
    assert error(tmp_path / "a.mat", mat73_entry, "labels", 0) == (
        "expected a MATLAB file of version 7.3 (HDF5), but it is version 5. Use the original file, "
        "or save it in MATLAB with save(…, '-v7.3')"
    )
    (tmp_path / "b.mat").write_text("<html>")
    assert "it is another format, or damaged" in error(tmp_path / "b.mat", mat73_shape, "labels")
    assert error(tmp_path / "c.mat", mat73_shape, "labels") == "no such file"


def test_a_truncated_file_is_named(path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])
    size = path.stat().st_size
    assert error(path, mat73_entry, "labels", 3) == (
        f"damaged or truncated: it has {size:,} bytes. Copy or fetch the file again, and compare "
        "its size"
    )


def test_without_h5py_the_error_names_the_command(path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackage) as caught:
        mat73_shape(path, "labels")
    assert str(caught.value) == (
        f"{path}, a MATLAB file of version 7.3, needs h5py, which is not installed: pip install "
        "h5py"
    )
