"""Reading Caffe models without Caffe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.contracts.normalization import CAFFE_NORMALIZATION
from pluxel.core.model.caffemodel import caffe_state, read_caffemodel
from pluxel.core.model.protobuf import NotProtobuf, fields, varints
from pluxel.core.model.weight_reading import read_normalization, read_state_dict
from pluxel.registry import PluxelError

from ..caffe_files import blob, content, integer, layer, varint, write_model

STATE = {
    "conv1.weight": torch.arange(24.0).view(2, 3, 2, 2) / 7,
    "conv1.bias": torch.tensor([0.5, -1.25]),
    "fc.weight": torch.arange(12.0).view(2, 6) - 3,
    "fc.bias": torch.tensor([3.0, 4.0]),
}


def write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("options", [{}, {"packed": False}, {"double": True}])
def test_both_generations_and_all_forms_of_numbers_are_read(
    tmp_path: Path, v1: bool, options: dict
) -> None:
    parts = [
        layer(
            name,
            kind,
            [blob(STATE[f"{name}.{part}"], legacy=v1, **options) for part in ("weight", "bias")],
            v1=v1,
            bottoms=["data"],
            tops=[name],
            window={3: 100, 4: 2},
        )
        for name, kind in (("conv1", "Convolution"), ("fc", "InnerProduct"))
    ]
    path = write(tmp_path / "a.caffemodel", content(1, "net"), *parts)
    found = read_state_dict(path)
    assert list(found) == list(STATE)
    for name, value in STATE.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
    first = read_caffemodel(path)[0]
    assert (first.name, first.type, first.bottoms, first.tops) == (
        *("conv1", "Convolution"),
        *(["data"], ["conv1"]),
    )
    assert (first.options["pad"], first.options["kernel_size"]) == ((100, 100), (2, 2))
    assert (first.options["stride"], first.options["group"]) == ((1, 1), 1)


def test_sides_of_a_window_may_be_given_apart(tmp_path: Path) -> None:
    window = {9: 100, 10: 99, 11: 3, 12: 5, 14: 2}
    one = layer("conv1", "Convolution", [blob(torch.ones(1, 1, 3, 3))], window=window)
    path = write(tmp_path / "a.caffemodel", one)
    options = read_caffemodel(path)[0].options
    assert [options[key] for key in ("pad", "kernel_size", "stride")] == [(100, 99), (3, 5), (1, 2)]


def test_further_blobs_are_numbered_and_layers_without_weights_are_kept(tmp_path: Path) -> None:
    three = [blob(torch.ones(2)), blob(torch.zeros(2)), blob(torch.ones(1))]
    path = write(tmp_path / "a.caffemodel", layer("relu", "ReLU"), layer("bn", "BatchNorm", three))
    layers = read_caffemodel(path)
    assert [one.name for one in layers] == ["relu", "bn"]
    assert list(caffe_state(layers)) == ["bn.weight", "bn.bias", "bn.2"]


def test_a_model_expects_the_colors_of_caffe(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.caffemodel", STATE)
    assert read_normalization(path) == CAFFE_NORMALIZATION
    assert CAFFE_NORMALIZATION.channel_order == "bgr"


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    one = layer("conv1", "Convolution", [blob(torch.ones(1, 1, 1, 1))])
    with pytest.raises(PluxelError, match="two layers with weights are called 'conv1'"):
        read_state_dict(write(tmp_path / "a.caffemodel", one, one))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            b'name: "FCN"\nlayer {\n',
            " is a text file that begins with 'name: \"FCN\"', not a Caffe",
        ),
        (b"<!DOCTYPE html>\n<html>", " is a web page, not a Caffe model"),
        (b"version https://git-lfs.github.com/spec/v1\n", " is a pointer of Git LFS, not a Caffe"),
        (b"PK\x03\x04" + bytes(100), " is a file of torch.save, not a Caffe model"),
        (b"", " is an empty file, not a Caffe model"),
        (layer("relu", "ReLU"), ": the Caffe model has no weights"),
    ],
)
def test_other_files_are_named(tmp_path: Path, start: bytes, message: str) -> None:
    path = write(tmp_path / "a.caffemodel", start)
    with pytest.raises(PluxelError) as caught:
        read_caffemodel(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert caught.value.notes


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluxelError, match="no such file"):
        read_caffemodel(tmp_path / "b.caffemodel")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write_model(tmp_path / "a.caffemodel", STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(PluxelError) as caught:
        read_caffemodel(path)
    assert f"{path}: not a" in str(caught.value)


@pytest.mark.parametrize("shape", [(3,), (1 << 40, 1 << 20), (2, 2)])
def test_a_blob_has_the_size_of_its_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    head = content(7, content(1, b"".join(map(varint, shape))))
    bad = head + content(5, torch.ones(2).numpy().tobytes())
    path = write(tmp_path / "a.caffemodel", layer("conv1", "Convolution", [bad]))
    sizes = "×".join(map(str, shape))
    message = f"blob 0 of layer 'conv1' has 2 values, not {sizes}"
    with pytest.raises(PluxelError, match=message):
        read_caffemodel(path)


@pytest.mark.parametrize("values", [content(5, bytes(7)), integer(5, 3), content(8, bytes(12))])
def test_values_of_a_blob_are_whole_numbers_of_bytes(tmp_path: Path, values: bytes) -> None:
    path = write(tmp_path / "a.caffemodel", layer("conv1", "Convolution", [values]))
    with pytest.raises(PluxelError) as caught:
        read_caffemodel(path)
    assert str(caught.value).startswith(
        f"{path}: not a whole Caffe model: the values of a blob are incomplete"
    )


@pytest.mark.parametrize(
    ("number", "name"),
    [
        *((4, "Convolution"), (6, "Dropout"), (14, "InnerProduct"), (15, "LRN"), (17, "Pooling")),
        *((18, "ReLU"), (20, "Softmax"), (22, "Split"), (25, "Eltwise"), (39, "Deconvolution")),
        (40, "Crop"),
    ],
)
def test_layers_of_the_first_generation_have_the_types_of_the_second(
    tmp_path: Path, number: int, name: str
) -> None:
    """As in the enumeration of V1LayerParameter in Caffe."""
    own = content(4, "one") + integer(5, number) + content(6, blob(torch.ones(1)))
    path = write(tmp_path / "a.caffemodel", content(2, own))
    assert read_caffemodel(path)[0].type == name


def test_layers_of_2013_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.caffemodel", content(2, content(1, content(1, "conv1"))))
    with pytest.raises(PluxelError, match="of the first format of 2013; upgrade_net_proto_binary"):
        read_caffemodel(path)


class TestWireFormat:
    @given(st.lists(st.tuples(st.integers(1, 999), st.integers(0, 2**63 - 1) | st.binary())))
    def test_fields_are_read_as_written(self, written: list[tuple[int, int | bytes]]) -> None:
        message = b"".join(
            integer(number, value) if isinstance(value, int) else content(number, value)
            for number, value in written
        )
        found = [
            (one.number, bytes(one.content) if one.wire == 2 else one.value)
            for one in fields(memoryview(message))
        ]
        assert found == written

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, junk: bytes) -> None:
        try:
            total = sum(len(one.content) for one in fields(memoryview(junk)))
        except NotProtobuf:
            return
        assert total <= len(junk)

    def test_packed_integers(self) -> None:
        assert [*varints(memoryview(varint(3) + varint(300)))] == [3, 300]
        with pytest.raises(NotProtobuf, match="incomplete at the end"):
            [*varints(memoryview(b"\x80"))]

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (b"\x00\x01", "a field has the number 0 at byte 0"),
            (b"\x0b", "a field has the unknown wire type 3"),
            (b"\x0a\x05ab", "3 bytes are missing at the end"),
            (b"\x08" + b"\xff" * 11, "an integer at byte 1 has more than 10 bytes"),
        ],
    )
    def test_what_is_wrong_is_said(self, message: bytes, reason: str) -> None:
        with pytest.raises(NotProtobuf, match=reason):
            [*fields(memoryview(message))]
