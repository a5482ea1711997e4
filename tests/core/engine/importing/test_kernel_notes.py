"""An import says which kernels are not bilinear, and warns of kernels that are zero."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ...caffe_files import write_model
from .networks import NARROW, TorchFCN

LOST = (
    "note: the kernels of layer {} are zero for {}: the coarser scores of these classes are lost, "
    "so only the skips count. {} was probably trained without filling its deconvolutions with "
    "bilinear kernels"
)
LEARNED = (
    "note: the kernels of {} differ from bilinear interpolation: they are kept, as upsampling: "
    "learned"
)

pytestmark = pytest.mark.usefixtures("narrow")


@pytest.mark.parametrize("command", ["caffe", "torchfcn"])
@pytest.mark.parametrize(
    ("zero", "changed", "notes"),
    [
        ({}, [], []),
        ({}, ["upscore2"], [LEARNED.format("upscore2")]),
        ({}, ["upscore2", "upscore_pool4"], [LEARNED.format("upscore2 and upscore_pool4")]),
        ({"upscore2": 21}, [], [LOST.format("upscore2", "all classes", "{}")]),
        (
            {"upscore2": 21},
            ["upscore_pool4"],
            [LOST.format("upscore2", "all classes", "{}"), LEARNED.format("upscore_pool4")],
        ),
        (
            {"upscore_pool4": 2},
            [],
            [
                LOST.format("upscore_pool4", "2 of 21 classes", "{}"),
                LEARNED.format("upscore_pool4"),
            ],
        ),
    ],
)
def test_kernels_are_noted(
    tmp_path: Path,
    importing,
    command: str,
    zero: dict[str, int],
    changed: list[str],
    notes: list[str],
) -> None:
    torch.manual_seed(0)
    state = TorchFCN(8, {"": 21}, NARROW).state_dict()
    for layer in changed:
        state[f"{layer}.weight"] *= 1.5
    for layer, classes in zero.items():
        state[f"{layer}.weight"][:classes] = 0
    path = tmp_path / ("a-atonce.caffemodel" if command == "caffe" else "a-atonce.pth")
    write_model(path, state) if command == "caffe" else torch.save(state, path)
    code, out, err = importing(command, path, "--staged")
    assert (code, err) == (0, "")
    assert out.splitlines()[2:] == [note.format(path.name) for note in notes]
