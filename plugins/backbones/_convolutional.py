"""Fully connected layers of a classifier as convolutions (PAMI 2016, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from ...core.authoring import StateDict

Padding = Literal["same", "valid"]
Rounding = Literal["ceil", "floor"]
Alignment = Literal["exact", "caffe"]
"""Alignment of maps: each on its exact grid, or as in the paper's release, which adds 100 pixels of
zeros around the image to leave room for all crops."""

FRAME = 100
"""Pixels of zeros around the image in the paper's release: the padding of conv1_1."""

HIDDEN = 4096


class Classifier(nn.Module):
    """fc6 and fc7 with ReLU and dropout, at every position.

    ``kernel``: side length of fc6's input, in cells. ``padding: same`` keeps the size of a map; an
    even kernel needs one more cell of padding at the bottom and on the right.
    """

    def __init__(self, channels: int, kernel: int, padding: Padding, dropout: float) -> None:
        super().__init__()
        before, after = (kernel - 1) // 2, kernel // 2
        self.padding = (before, after, before, after) if padding == "same" else None
        self.fc6 = nn.Conv2d(channels, HIDDEN, kernel)
        self.fc7 = nn.Conv2d(HIDDEN, HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, 4096, h, w) for maps (N, channels, h, w); smaller by kernel − 1 if valid."""
        if self.padding:
            maps = functional.pad(maps, self.padding)
        hidden = self.dropout(functional.relu(self.fc6(maps), inplace=True))
        return self.dropout(functional.relu(self.fc7(hidden), inplace=True))


def as_convolutions(state: StateDict, own: nn.Module, renamed: Mapping[str, str]) -> StateDict:
    """Rename layers by prefix, and reshape fully connected weights to the convolutions of ``own``.

    Fully connected inputs are ordered (channels, rows, columns), so no transposition is needed.
    """
    shapes = {name: tensor.shape for name, tensor in own.state_dict().items()}
    result = {}
    for old, value in state.items():
        prefix = next((prefix for prefix in renamed if old.startswith(prefix)), "")
        name = renamed.get(prefix, "") + old.removeprefix(prefix)
        fits = name in shapes and shapes[name].numel() == value.numel() and prefix
        result[name] = value.reshape(shapes[name]) if fits else value
    return result


def round_pools(module: nn.Module, rounding: Rounding) -> None:
    """Set how max pools round the sizes of their results."""
    for layer in module.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = rounding == "ceil"
