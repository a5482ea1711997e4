"""Reading weights from files without running code."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.common.files import MissingFile
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.model.weight_reading import (
    normalization_metadata,
    read_header,
    read_normalization,
    read_safetensors,
    read_state_dict,
)
from pluxel.registry import PluxelError
from safetensors.torch import save_file
from torch import Tensor

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(torch.equal(found[n], expected[n]) for n in found)


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(STATE, path)
    found = read_state_dict(path)
    assert set(found) == set(STATE)
    assert torch.equal(found["a.weight"], STATE["a.weight"])


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model_state_dict": STATE, "optimizer": {}},
        {"model": {"state_dict": STATE}},
        {f"module.{name}": value for name, value in STATE.items()},
        {"model": {f"module._orig_mod.{name}": value for name, value in STATE.items()}},
        {f"_orig_mod.module._orig_mod.module.{name}": value for name, value in STATE.items()},
        {
            f"_fsdp_wrapped_module.{name.replace('.', '._orig_mod.')}": v
            for name, v in STATE.items()
        },
        {"net": STATE, "epoch": 3, "args": {"lr": 0.1}},
    ],
    ids=[
        *("plain", "state_dict", "model_state_dict", "nested", "data parallel", "compiled"),
        *("any order", "inner modules", "another key"),
    ],
)
def test_checkpoints_of_training_scripts_are_unwrapped(tmp_path: Path, content: dict) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    assert same(read_state_dict(path), STATE)


def test_module_that_is_part_of_a_name_stays(tmp_path: Path) -> None:
    torch.save({"module.weight": torch.ones(1), "bias": torch.ones(1)}, tmp_path / "w.pth")
    assert [*read_state_dict(tmp_path / "w.pth")] == ["module.weight", "bias"]


def test_pointer_of_git_lfs_says_what_to_do(tmp_path: Path) -> None:
    for name in ("w.pt", "w.safetensors"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
        with pytest.raises(PluxelError) as error:
            read_state_dict(tmp_path / name)
        assert str(error.value) == (
            f"{tmp_path / name} is a pointer of Git LFS, not a file of weights\n"
            "  note: fetch the file with git lfs pull"
        )


def test_a_missing_file_raises(tmp_path: Path) -> None:
    for name in ("w.pth", "w.safetensors"):
        with pytest.raises(PluxelError, match=f"{name}: no such file"):
            read_state_dict(tmp_path / name)
    with pytest.raises(PluxelError, match="a folder, not a file"):
        read_state_dict(tmp_path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_file_raises(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    save_file(STATE, path) if name.endswith("safetensors") else torch.save(STATE, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(PluxelError, match="cannot read weights; the file may be truncated"):
        read_state_dict(path)


BROKEN = "\n  note: the download probably failed: download the file again"


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", f"an empty file, not a file of weights{BROKEN}"),
        (b"\n<!DOCTYPE html>\n<html>404", f"a web page, not a file of weights{BROKEN}"),
        (b"<html>Not Found</html>", f"a web page, not a file of weights{BROKEN}"),
        (b"epoch 3, loss 0.2\n", "a text file that begins with 'epoch 3, loss 0.2', not a file …"),
        (b"decoder: fcn8s\n" * 999, "a text file that begins with 'decoder: fcn8s', not a file …"),
        ("größe: 3".encode("utf-16"), "a text file that begins with 'größe: 3', not a file …"),
        (("é" * 999).encode(), f"a text file that begins with '{'é' * 40}', not a file …"),
        (b'{"a": 1}', "a text file that begins with '{\"a\": 1}', not a file …"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image, not a file of weights"),
        (b"\x1f\x8b\x08\0", "packed with gzip, not a file of weights\n  note: unpack it first"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PluxelError) as error:
        read_state_dict(path)
    assert str(error.value) == f"{path} is {what.replace('…', 'of weights')}"


def test_files_are_told_apart_by_content(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.pth")
    assert same(
        dict(sorted(read_state_dict(tmp_path / "w.pth").items())), dict(sorted(STATE.items()))
    )
    torch.save(STATE, path := tmp_path / "w.safetensors")
    with pytest.raises(PluxelError) as error:
        read_state_dict(path)
    assert str(error.value) == (
        f"{path} is not a safetensors file: torch.save wrote it\n  note: rename it to .pth"
    )


def test_bytes_of_no_known_kind_raise(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(bytes(range(99, 5, -1)))
    with pytest.raises(PluxelError) as error:
        read_state_dict(tmp_path / "w.pth")
    assert error.value.notes == ("it is neither a safetensors file nor one of torch.save",)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_never_raise_other_errors(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["w.pt", "legacy.pt", "w.safetensors"]))
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        if name == "w.safetensors":
            save_file(STATE, path)
        else:
            torch.save(STATE, path, _use_new_zipfile_serialization=name == "w.pt")
        content = bytearray(path.read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
            content[place] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with suppress(PluxelError):  # any other exception fails the test
            assert read_state_dict(path)


class Payload:
    """An object whose unpickling runs code."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize(
    "save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))]
)
def test_code_in_a_file_is_not_run(tmp_path: Path, save) -> None:
    path, witness = tmp_path / "w.pth", tmp_path / "witness"
    save({"a": Payload(witness)}, path)
    with pytest.raises(PluxelError) as caught:
        read_state_dict(path)
    assert not witness.exists()
    assert str(caught.value) == (
        f"{path}: not read, because it holds Python objects, which could run code\n"
        "  note: if you trust it, save only the weights: torch.save(model.state_dict(), FILE)"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "expected a state dict, found an empty dict"),
        ([1, 2], r"expected a state dict, found list \[1, 2\]"),
        (torch.ones(1), "expected a state dict, found Tensor"),
        ({"epoch": 3, **STATE}, "'epoch' must be a tensor, not int 3"),
    ],
)
def test_a_file_without_a_state_dict_raises(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(PluxelError, match=message):
        read_state_dict(path)


def test_the_normalization_is_saved_with_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    caffe = Normalization(
        mean=(104.007, 116.669, 122.679), std=(1, 1, 1), channel_order="bgr", range=255
    )
    save_file(STATE, path, metadata=normalization_metadata(caffe))
    assert read_normalization(path) == caffe


def test_a_file_may_lack_a_normalization(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors", metadata={"format": "pt"})
    torch.save(STATE, tmp_path / "w.pth")
    assert read_normalization(tmp_path / "w.safetensors") is None
    assert read_normalization(tmp_path / "w.pth") is None


def test_an_invalid_normalization_raises(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(STATE, path, metadata={"normalization": '{"mean": "gray"}'})
    with pytest.raises(PluxelError, match="invalid 'normalization' in the metadata"):
        read_normalization(path)


def test_a_real_file_is_read(test_data: Path) -> None:
    path = test_data / "weights" / "vgg16_trunk.fp16.safetensors"
    state = read_state_dict(path)
    assert len(state) == 26
    assert state["features.0.weight"].dtype == torch.float16
    assert read_normalization(path) is None


@pytest.mark.parametrize("read", [read_header, read_safetensors])
def test_a_file_that_does_not_exist_is_reported(tmp_path: Path, read) -> None:
    with pytest.raises(MissingFile, match=r"w.safetensors: no such file"):
        read(tmp_path / "w.safetensors")
    with pytest.raises(PluxelError, match="cannot read weights"):
        read(tmp_path)


def test_an_empty_mapping_beside_the_weights_is_no_state(tmp_path: Path) -> None:
    torch.save({"net": STATE, "hparams": {}}, tmp_path / "w.pt")
    assert read_state_dict(tmp_path / "w.pt").keys() == STATE.keys()
