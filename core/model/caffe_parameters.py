"""The parameters of Caffe's layers that change what a layer computes, with Caffe's defaults.

Numbers and defaults are those of ``caffe.proto`` of BVLC's Caffe.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .protobuf import BYTES, VARINT, NotProtobuf, WireField, fields, varints

Stated = Mapping[str, Sequence[float | str]]
"""Field of a message -> the values that a file states, in order."""

ParameterValue = float | str | tuple[float, ...] | None
Options = Mapping[str, ParameterValue]
"""Parameter -> its value; that of a window is (height, width). None: Caffe has no default."""


@dataclass(frozen=True)
class CaffeField:
    """A field: its number, its default, and the names of an enumeration.

    ``sides``: the numbers of its ``…_h`` and ``…_w``, for windows; the field itself may also be
    repeated. ``repeated``: whether all its values count.
    """

    number: int
    default: float | str | None = None
    names: Sequence[str] = ()
    is_float: bool = False
    sides: tuple[int, int] | None = None
    repeated: bool = False


@dataclass(frozen=True)
class ParameterMessage:
    """The parameters of a kind of layer: their field in V1 and in V2, and in a description.

    ``always``: whether the defaults hold for a layer without the message. A window without a size
    is not described, and old crops without a message choose their own offset.
    """

    v1: int | None
    v2: int
    name: str
    fields: Mapping[str, CaffeField]
    always: bool = False


_CONVOLUTION = ParameterMessage(
    10, 106, "convolution_param",
    {
        "pad": CaffeField(3, 0, sides=(9, 10)),
        "kernel_size": CaffeField(4, sides=(11, 12)),
        "stride": CaffeField(6, 1, sides=(13, 14)),
        "dilation": CaffeField(18, 1, sides=(-1, -1)),
        "group": CaffeField(5, 1),
        "axis": CaffeField(16, 1),
    },
)  # fmt: skip

MESSAGES: Mapping[str, ParameterMessage] = {
    "convolution": _CONVOLUTION,
    "deconvolution": _CONVOLUTION,
    "pooling": ParameterMessage(
        19, 121, "pooling_param",
        {
            "pool": CaffeField(1, "MAX", ("MAX", "AVE", "STOCHASTIC")),
            "kernel_size": CaffeField(2, sides=(5, 6)),
            "stride": CaffeField(3, 1, sides=(7, 8)),
            "pad": CaffeField(4, 0, sides=(9, 10)),
            "global_pooling": CaffeField(12, 0),
            "round_mode": CaffeField(13, "CEIL", ("CEIL", "FLOOR")),
        },
    ),
    "relu": ParameterMessage(
        30, 123, "relu_param", {"negative_slope": CaffeField(1, 0.0, is_float=True)}, always=True
    ),
    "lrn": ParameterMessage(
        18, 118, "lrn_param",
        {
            "local_size": CaffeField(1, 5),
            "alpha": CaffeField(2, 1.0, is_float=True),
            "beta": CaffeField(3, 0.75, is_float=True),
            "norm_region": CaffeField(4, "ACROSS_CHANNELS", ("ACROSS_CHANNELS", "WITHIN_CHANNEL")),
            "k": CaffeField(5, 1.0, is_float=True),
        },
        always=True,
    ),
    "eltwise": ParameterMessage(
        24, 110, "eltwise_param",
        {
            "operation": CaffeField(1, "SUM", ("PROD", "SUM", "MAX")),
            "coeff": CaffeField(2, is_float=True, repeated=True),
        },
        always=True,
    ),
    "scale": ParameterMessage(None, 142, "scale_param", {"axis": CaffeField(1, 1)}, always=True),
    "crop": ParameterMessage(
        None, 144, "crop_param",
        {"axis": CaffeField(1, 2), "offset": CaffeField(2, 0, sides=(-1, -1))},
    ),
}  # fmt: skip
"""Type of layers in lowercase -> its parameters."""

_INT32 = 1 << 32
_BOOLEANS = {"true": 1.0, "false": 0.0}


def options(kind: str, stated: Stated | None) -> Options:
    """Return the parameters of a layer, as far as its file determines them.

    ``stated``: None if the file has no message of parameters.

    Raises: ValueError for a value that is not a number, nor a name of its enumeration.
    """
    message = MESSAGES.get(kind.lower())
    if message is None or (stated is None and not message.always):
        return {}
    return {key: _value(key, one, stated or {}) for key, one in message.fields.items()}


def _value(key: str, field: CaffeField, stated: Stated) -> ParameterValue:
    if field.sides is not None:
        both = [_number(key, v) for v in stated.get(key, ())]
        window = [both[0], both[-1]] if both else [field.default, field.default]
        for index, side in enumerate("hw"):
            if given := stated.get(_side(key, side)):
                window[index] = _number(key, given[-1])
        known = [float(v) for v in window if isinstance(v, (int, float))]
        return tuple(known) if len(known) == 2 else None
    values = stated.get(key, ())
    if field.repeated:
        return tuple(_number(key, one) for one in values)
    value = values[-1] if values else field.default
    if not field.names:
        return None if value is None else _number(key, value)
    if str(value) in field.names:
        return str(value)
    index = int(_number(key, value or 0))
    return field.names[index] if 0 <= index < len(field.names) else str(index)


def _side(key: str, side: str) -> str:
    """Return the field of one side: ``pad_h``, ``kernel_h``."""
    return f"{key.split('_', maxsplit=1)[0]}_{side}"


def _number(key: str, value: float | str) -> float:
    if isinstance(value, str):
        value = _BOOLEANS.get(value, value)
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{key} is {value}, which is not a number") from None


def read_stated(kind: str, message: memoryview) -> Stated:
    """Return the values that a binary message of parameters states."""
    known = MESSAGES[kind.lower()].fields
    numbers = {one.number: (key, one) for key, one in known.items()}
    for key, one in known.items():
        for number, side in zip(one.sides or (), "hw", strict=False):
            numbers[number] = (_side(key, side), one)
    found: dict[str, list[float | str]] = {}
    for part in fields(message):
        if part.number in numbers:
            key, field = numbers[part.number]
            found.setdefault(key, []).extend(_read(part, is_float=field.is_float))
    return found


def _read(part: WireField, *, is_float: bool) -> list[float]:
    if is_float:
        if part.wire == VARINT or len(part.content) % 4:
            raise NotProtobuf("the parameters of a layer are incomplete")
        return [one for (one,) in struct.iter_unpack("<f", part.content)]
    values = [*varints(part.content)] if part.wire == BYTES else [part.value]
    # Negative numbers are written as those of 64 bits.
    return [v - (1 << 64) if v >= 1 << 63 else v - _INT32 if v >= 1 << 31 else v for v in values]
