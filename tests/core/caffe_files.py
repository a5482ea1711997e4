"""Write Caffe models as Caffe does: protobuf messages with packed or single floats, V1 or V2."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

V1_TYPES = {"Convolution": 4, "InnerProduct": 14, "Deconvolution": 39, "ReLU": 18, "Pooling": 17}
V1_TYPES |= {"Dropout": 6, "LRN": 15, "Softmax": 20, "Split": 22, "Eltwise": 25, "Crop": 40}


def varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def content(number: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(
    tensor: Tensor, *, legacy: bool = False, packed: bool = True, double: bool = False
) -> bytes:
    values = tensor.detach().double().numpy().astype("<f8" if double else "<f4")
    if legacy:
        shape = [1] * (4 - tensor.ndim) + [*tensor.shape]
        head = b"".join(integer(number, size) for number, size in enumerate(shape, 1))
    else:
        head = content(7, content(1, b"".join(map(varint, tensor.shape))))
    if packed:
        return head + content(8 if double else 5, values.tobytes())
    return head + b"".join(
        varint(5 << 3 | 5) + struct.pack("<f", v) for v in np.ravel(values).tolist()
    )


def layer(
    name: str,
    kind: str,
    blobs: Iterable[bytes] = (),
    *,
    v1: bool = False,
    bottoms: Sequence[str] = (),
    tops: Sequence[str] = (),
    window: Mapping[int, int] | None = None,
    message: bytes = b"",
) -> bytes:
    """A whole field of the network.

    ``window``: fields of the parameters of a convolution; ``message``: a whole further field.
    """
    numbers = (4, 5, 2, 3, 6, 10) if v1 else (1, 2, 3, 4, 7, 106)
    own = content(numbers[0], name)
    own += integer(numbers[1], V1_TYPES.get(kind, 0)) if v1 else content(numbers[1], kind)
    own += b"".join(content(numbers[2], one) for one in bottoms)
    own += b"".join(content(numbers[3], one) for one in tops)
    own += b"".join(content(numbers[4], one) for one in blobs)
    if window:
        own += content(numbers[5], b"".join(integer(n, v) for n, v in window.items()))
    return content(2 if v1 else 100, own + message)


def by_layer(state: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """The tensors of a state dict, weight first, by the name of their layer."""
    layers: dict[str, list[Tensor]] = {}
    for name, tensor in state.items():
        layers.setdefault(name.rpartition(".")[0], []).append(tensor)
    return layers


def write_model(path: Path, state: Mapping[str, Tensor], *, v1: bool = False) -> Path:
    """Write a state dict with Caffe's names of layers, and a layer without weights."""
    message = content(1, "network") + layer("data", "Input", v1=v1, tops=["data"])
    with path.open("wb") as file:
        file.write(message)
        for name, tensors in by_layer(state).items():
            kind = "Deconvolution" if "up" in name else "Convolution"
            blobs = (blob(tensor, legacy=v1) for tensor in tensors)
            file.write(layer(name, kind, blobs, v1=v1))
    return path
