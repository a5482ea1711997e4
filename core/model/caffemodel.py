"""Read the layers of a Caffe model (Jia et al. 2014), a protobuf message, without Caffe.

Both generations of layers are read: ``layers`` (V1, as in the models of 2014) and ``layer``; blobs
with a ``shape`` or with ``num``, ``channels``, ``height`` and ``width``; float and double values.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.contents import recognized
from ..common.files import require_file
from .caffe_parameters import MESSAGES, Options, options, read_stated
from .protobuf import BYTES, VARINT, NotProtobuf, WireField, fields, varints

CAFFEMODEL = ".caffemodel"

TYPES = {
    1: "Accuracy", 3: "Concat", 4: "Convolution", 5: "Data", 6: "Dropout", 8: "Flatten",
    12: "ImageData", 14: "InnerProduct", 15: "LRN", 17: "Pooling", 18: "ReLU", 19: "Sigmoid",
    20: "Softmax", 21: "SoftmaxWithLoss", 22: "Split", 25: "Eltwise", 26: "Power",
    29: "MemoryData", 30: "ArgMax", 32: "DummyData", 33: "Slice", 36: "Silence",
    39: "Deconvolution", 40: "Crop",
}  # fmt: skip
"""Number in V1 -> the name in V2 of a type of layer, for those of networks that score pixels.

Caffe's own list ends at 39; 40 is of the branch that the networks of 2014 were trained with.
"""

_NET_V1, _NET_V2 = 2, 100
_V1 = {"name": 4, "type": 5, "bottom": 2, "top": 3, "blobs": 6}
_V2 = {"name": 1, "type": 2, "bottom": 3, "top": 4, "blobs": 7}
"""Numbers of fields of a layer."""

_V0_LAYER = 1
_DATA, _SHAPE, _DOUBLE = 5, 7, 8
_LEGACY_SHAPE = (1, 2, 3, 4)
"""Numbers of fields of blobs."""


@dataclass(frozen=True)
class CaffeLayer:
    """One layer: its name, type, inputs, outputs, blobs, and parameters.

    ``options``: with Caffe's defaults; empty if the file does not determine them.
    """

    name: str
    type: str
    bottoms: Sequence[str] = ()
    tops: Sequence[str] = ()
    blobs: Sequence[Tensor] = ()
    options: Options = field(default_factory=dict)


def read_caffemodel(path: Path) -> list[CaffeLayer]:
    """Return the layers of a Caffe model in their order, with float32 blobs.

    Raises: PluxelError for a file that is missing, incomplete, of another format, without weights,
    or with blobs that do not have the size of their shape.
    """
    _check_format(require_file(path))
    with path.open("rb") as file:
        # Closed when its last view is: that of an error may outlive this function.
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        layers = [*_layers(content)]
    except (NotProtobuf, UnicodeDecodeError) as error:
        message = f"{path}: not a whole Caffe model: {error}"
        raise PluxelError(message, ["download it again, and compare its size"]) from error
    if not any(layer.blobs for layer in layers):
        raise PluxelError(
            f"{path}: the Caffe model has no weights", ["give the .caffemodel of a snapshot"]
        )
    return layers


def caffe_state(layers: Sequence[CaffeLayer]) -> dict[str, Tensor]:
    """Return the blobs by name: ``conv1_1.weight``, ``conv1_1.bias``; further ones are numbered.

    Raises: PluxelError if two layers with weights have the same name.
    """
    state: dict[str, Tensor] = {}
    for layer in layers:
        for index, blob in enumerate(layer.blobs):
            name = f"{layer.name}.{('weight', 'bias')[index] if index < 2 else index}"
            if name in state:
                raise PluxelError(f"two layers with weights are called {layer.name!r}")
            state[name] = blob
    return state


def _check_format(path: Path) -> None:
    """Raise PluxelError for a file whose beginning shows that it is something else."""
    if (content := recognized(path)) is not None:
        notes = content.notes or ("a .prototxt describes a network; its weights are elsewhere",)
        raise PluxelError(f"{path} is {content.what}, not a Caffe model", notes)
    with path.open("rb") as file:
        if file.read(2) in (b"PK", b"\x80\x02"):
            notes = ("pluxel import torchfcn reads such files",)
            raise PluxelError(f"{path} is a file of torch.save, not a Caffe model", notes)


def _layers(network: memoryview) -> Iterator[CaffeLayer]:
    for part in fields(network):
        if part.wire == BYTES and part.number in (_NET_V1, _NET_V2):
            yield _layer(part.content, _V1 if part.number == _NET_V1 else _V2)


def _layer(message: memoryview, numbers: Mapping[str, int]) -> CaffeLayer:
    found: dict[int, list[WireField]] = {}
    for part in fields(message):
        found.setdefault(part.number, []).append(part)
    if numbers is _V1 and _V0_LAYER in found:
        raise NotProtobuf("its layers are of the first format of 2013; upgrade_net_proto_binary "
                          "of Caffe converts them")  # fmt: skip

    def texts(key: str) -> list[str]:
        return [bytes(part.content).decode() for part in found.get(numbers[key], ())]

    kinds = found.get(numbers["type"], ())
    types = [
        TYPES.get(one.value, str(one.value)) if one.wire == VARINT else bytes(one.content).decode()
        for one in kinds
    ]
    name, kind = next(iter(texts("name")), ""), next(iter(types), "")
    blobs = [
        _blob(part.content, name, index, kind)
        for index, part in enumerate(found.get(numbers["blobs"], ()))
    ]
    parameters = _options(found, kind, is_v1=numbers is _V1)
    return CaffeLayer(name, kind, texts("bottom"), texts("top"), blobs, parameters)


def _options(found: Mapping[int, list[WireField]], kind: str, *, is_v1: bool) -> Options:
    message = MESSAGES.get(kind.lower())
    if message is None:
        return {}
    number = message.v1 if is_v1 else message.v2
    given = found.get(number, ()) if number is not None else ()
    # The fields of a message that is written in parts belong together.
    content = b"".join(bytes(part.content) for part in given)
    return options(kind, read_stated(kind, memoryview(content)) if given else None)


def _blob(message: memoryview, layer: str, index: int, kind: str) -> Tensor:
    legacy: dict[int, int] = {}
    shape: list[int] | None = None
    parts: list[np.ndarray] = []
    for part in fields(message):
        if part.number in _LEGACY_SHAPE and part.wire == VARINT:
            legacy[part.number] = part.value
        elif part.number == _SHAPE:
            shape = [*_dimensions(part.content)]
        elif part.number in (_DATA, _DOUBLE):
            parts.append(_numbers(part))
    values = np.concatenate(parts) if len(parts) != 1 and parts else parts[0] if parts else None
    count = 0 if values is None else len(values)
    if shape is None:
        shape = _plain_shape([legacy.get(number, 1) for number in _LEGACY_SHAPE], index, kind)
    if values is None or prod(shape) != count:
        sizes = "×".join(map(str, shape))
        raise NotProtobuf(f"blob {index} of layer {layer!r} has {count:,} values, not {sizes}")
    # A copy: the file is closed later, and its values need not be aligned.
    return torch.from_numpy(values.astype(np.float32)).view(shape)


def _numbers(part: WireField) -> np.ndarray:
    size = 4 if part.number == _DATA else 8
    if part.wire == VARINT or len(part.content) % size:
        raise NotProtobuf("the values of a blob are incomplete")
    return np.frombuffer(part.content, f"<f{size}")


def _dimensions(message: memoryview) -> Iterator[int]:
    for part in fields(message):
        if part.number == 1:
            yield from (part.value,) if part.wire == VARINT else varints(part.content)


def _plain_shape(shape: list[int], index: int, kind: str) -> list[int]:
    """Return the shape of a blob that V1 filled up to four dimensions in front."""
    if index:
        return [prod(shape)]
    return shape[2:] if kind == "InnerProduct" and shape[:2] == [1, 1] else shape
