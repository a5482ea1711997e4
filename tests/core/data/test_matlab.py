"""Label maps in MATLAB files of version 5, and what is wrong with other files."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.data.matlab import read_mat_labels
from pluxel.core.data.pixels import ImageError
from scipy.io import savemat
from scipy.sparse import csc_matrix

IDS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def saved(path: Path, **variables: object) -> Path:
    savemat(path, variables)
    return path


def error(path: Path, *names: str) -> str:
    with pytest.raises(ImageError) as caught:
        read_mat_labels(path, *(names or ("S",)))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, bool])
def test_integers_keep_their_type(tmp_path, compressed, kind) -> None:
    path = tmp_path / "a.mat"
    savemat(
        path,
        {"S": IDS.astype(kind), "names": np.array(["a", "b"], object)},
        do_compression=compressed,
    )
    ids = read_mat_labels(path, "S")
    assert ids.dtype == (np.uint8 if kind is bool else kind)
    assert (ids == IDS.astype(kind)).all()
    assert ids.flags.c_contiguous


def test_doubles_become_integers(tmp_path) -> None:
    ids = read_mat_labels(saved(tmp_path / "a.mat", S=IDS.astype(float) - 1), "S")
    assert ids.dtype == np.int32
    assert (ids == IDS.astype(int) - 1).all()


def test_a_field_of_a_struct(tmp_path) -> None:
    boundaries = np.array([[csc_matrix(IDS == 1)], [csc_matrix(IDS == 2)]], object)
    path = saved(tmp_path / "a.mat", G={"Boundaries": boundaries, "Segmentation": IDS})
    assert (read_mat_labels(path, "G", "Segmentation") == IDS).all()
    assert error(path, "G", "Seg") == "'G' has no field 'Seg'; it has 'Boundaries', 'Segmentation'"


def test_sparse_arrays_may_have_more_values_than_bytes(tmp_path) -> None:
    edges = csc_matrix(([True], ([7], [9])), (375, 500))
    path = saved(tmp_path / "a.mat", G={"Boundaries": edges, "Segmentation": IDS})
    assert path.stat().st_size < 5000
    assert (read_mat_labels(path, "G", "Segmentation") == IDS).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 3, 4)), r"'S' has the shape \(2, 3, 4\); expected \(height, width\)"),
        (np.full((2, 2), 1.5), r"'S' must be integers, but has 1\.5"),
        (np.full((2, 2), np.nan), "'S' must be integers, but has nan"),
        (np.full((2, 2), 1j), r"'S' must be numbers \(height, width\), not complex numbers"),
        ("road", r"'S' must be numbers \(height, width\), not text"),
        (np.array(["a", "b"], object), "'S' must be numbers .*, not a cell array"),
        ({"a": 1}, r"'S' must be numbers \(height, width\), not a struct"),
        (csc_matrix(IDS), r"'S' must be numbers \(height, width\), not a csc_matrix"),
    ],
)
def test_other_values_are_errors(tmp_path, value, message) -> None:
    assert re.fullmatch(message, error(saved(tmp_path / "a.mat", S=value)))


def test_errors_of_structs(tmp_path) -> None:
    path = saved(tmp_path / "a.mat", S=IDS)
    assert error(path, "S", "x") == "'S' is not a struct; expected the field 'x'"
    two = np.zeros((1, 2), [("x", object)])
    path = saved(tmp_path / "b.mat", S=two)
    assert error(path, "S", "x") == "'S' is an array of 2 structs, not one"


def test_a_missing_variable_is_named_beside_the_others(tmp_path) -> None:
    path = saved(tmp_path / "a.mat", T=IDS, names="x")
    assert error(path) == "has no variable 'S'; it has 'T', 'names'"


def test_other_formats_are_named(tmp_path) -> None:
    text = b"MATLAB 7.3 MAT-file".ljust(126) + b"IM"
    (tmp_path / "new.mat").write_bytes(text.ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert error(tmp_path / "new.mat") == (
        "a MATLAB file of version 7.3 (HDF5); expected version 5, as in the original files of the "
        "dataset. Save it in MATLAB with save(…, '-v7')"
    )
    (tmp_path / "page.mat").write_text("<html>not found</html>")
    expected = "not a MATLAB file of version 5; is it the original file?"
    assert error(tmp_path / "page.mat") == expected
    savemat(tmp_path / "old.mat", {"S": IDS}, format="4")
    assert error(tmp_path / "old.mat") == expected


def test_files_that_cannot_be_read_are_named(tmp_path) -> None:
    assert error(tmp_path / "a.mat") == "no such file"
    (tmp_path / "b.mat").touch()
    assert error(tmp_path / "b.mat") == "the file is empty"
    assert error(tmp_path) == "a folder, not a file"


def content(ids: np.ndarray = IDS, *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    savemat(file, {"S": ids}, do_compression=compressed)
    return file.getvalue()


def test_a_truncated_file_is_an_error(tmp_path) -> None:
    whole = content(np.zeros((50, 50), np.uint8))
    (tmp_path / "a.mat").write_bytes(whole[:-100])
    assert re.match(
        r"damaged or truncated: a part of it claims 2,\d+ bytes", error(tmp_path / "a.mat")
    )
    whole = content(np.arange(2500, dtype=np.uint16).reshape(50, 50), compressed=True)
    (tmp_path / "b.mat").write_bytes(whole[:-100])
    assert error(tmp_path / "b.mat").startswith("damaged or truncated")


def claiming(rows: int, columns: int, *, compressed: bool) -> bytes:
    """A file of some hundred bytes that claims an array of another size."""
    whole = content()
    at = whole.index(struct.pack("<IIii", 5, 8, *IDS.shape))
    body = whole[:at] + struct.pack("<IIii", 5, 8, rows, columns) + whole[at + 16 :]
    if not compressed:
        return body
    packed = zlib.compress(body[128:])
    return body[:128] + struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns"), [(2**31 - 1, 2**31 - 1), (10_000, 10_000), (3, 5000), (-1, 4)]
)
def test_a_claimed_size_is_never_allocated(
    tmp_path, monkeypatch, rows, columns, compressed
) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(claiming(rows, columns, compressed=compressed))
    monkeypatch.setattr("scipy.io.loadmat", None)
    size = f"{rows}×{columns}"
    assert re.fullmatch(
        rf"damaged: claims an array of {size} values, but the file has \d+ bytes for it"
        r"\. Copy the file again",
        error(path),
    )


def test_a_claimed_length_is_never_allocated(tmp_path, monkeypatch) -> None:
    whole = bytearray(content(np.zeros((50, 50), np.uint8)))
    at = whole.index(struct.pack("<II", 2, 2500))
    whole[at : at + 8] = struct.pack("<II", 2, 2**32 - 8)
    (tmp_path / "a.mat").write_bytes(whole)
    monkeypatch.setattr("scipy.io.loadmat", None)
    assert re.match(
        r"damaged or truncated: a part of it claims 4,294,967,288 bytes, but only 2,\d+ follow",
        error(tmp_path / "a.mat"),
    )


def test_a_size_within_a_struct_is_checked(tmp_path, monkeypatch) -> None:
    whole = bytearray((saved(tmp_path / "a.mat", S={"x": IDS})).read_bytes())
    at = whole.index(struct.pack("<IIii", 5, 8, *IDS.shape))
    whole[at : at + 16] = struct.pack("<IIii", 5, 8, 2**20, 2**20)
    (tmp_path / "a.mat").write_bytes(whole)
    monkeypatch.setattr("scipy.io.loadmat", None)
    assert "claims an array of 1048576×1048576 values" in error(tmp_path / "a.mat", "S", "x")


def test_data_that_expand_too_far_are_an_error(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "1000")
    savemat(tmp_path / "a.mat", {"S": np.zeros((300, 300), np.uint8)}, do_compression=True)
    limit = (
        "This limit protects against damaged files; if the file really is that large, set the "
        "environment variable PLUXEL_MAX_PIXELS to a larger number"
    )
    assert error(tmp_path / "a.mat") == f"expands to more than 8,000 bytes. {limit}"
    savemat(tmp_path / "b.mat", {"S": np.zeros((60, 60), np.uint8)}, do_compression=True)
    expected = f"an array has 60×60 values, more than 1,000. {limit}"
    assert error(tmp_path / "b.mat") == expected
    savemat(tmp_path / "c.mat", {"S": np.zeros((60, 60), np.uint8)})
    assert error(tmp_path / "c.mat") == expected


def test_an_empty_label_map(tmp_path) -> None:
    assert read_mat_labels(saved(tmp_path / "a.mat", S=np.zeros((0, 0))), "S").shape == (0, 0)
