"""The layers of published networks as Caffe describes them, in models and in texts."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torch import nn

from ...caffe_files import blob, by_layer, content, integer, layer, varint
from .networks import BLOCKS, KERNELS, UPSAMPLED

Layer = tuple[str, list[str], list[str], str]
"""Type, bottoms, tops and name."""
Parameters = Mapping[str, object]

CROPS = {"upscore": 19, "upscore16": 27, "upscore8": 31, "score_pool4": 5, "score_pool3": 9}

MESSAGES: dict[str, tuple[str, int, int, dict[str, int]]] = {
    "Convolution": (
        *("convolution_param", 10, 106),
        {"pad": 3, "kernel_size": 4, "group": 5, "stride": 6, "dilation": 18, "pad_w": 10},
    ),
    "Pooling": (
        *("pooling_param", 19, 121),
        {"pool": 1, "kernel_size": 2, "stride": 3, "pad": 4, "round_mode": 13},
    ),
    "ReLU": ("relu_param", 30, 123, {"negative_slope": 1}),
    "LRN": ("lrn_param", 18, 118, {"local_size": 1, "alpha": 2, "beta": 3, "k": 5}),
    "Eltwise": ("eltwise_param", 24, 110, {"operation": 1, "coeff": 2}),
    "Crop": ("crop_param", 0, 144, {"axis": 1, "offset": 2}),
}
"""Type -> name of its parameters, their field in V1 and V2, and the numbers in caffe.proto."""
MESSAGES["Deconvolution"] = MESSAGES["Convolution"]
ENUMS = {"MAX": {"pool": 0, "operation": 2}, "AVE": {"pool": 1}, "SUM": {"operation": 1}}
ENUMS |= {"PROD": {"operation": 0}, "FLOOR": {"round_mode": 1}}


def described(stride: int, heads: Sequence[str] = ("",), *, scaled: bool = False):
    """The layers of a release, each (type, bottoms, tops, name), with in-place ReLU and crops."""
    last = "data"
    yield "Input", [], ["data"], "data"
    for block, count in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            yield "Convolution", [last], [name], name
            yield "ReLU", [name], [name], f"relu{block}_{number}"
            last = name
        yield "Pooling", [last], [f"pool{block}"], f"pool{block}"
        last = f"pool{block}"
    for number in (6, 7):
        yield "Convolution", [last], [f"fc{number}"], f"fc{number}"
        last = f"fc{number}"
        yield "ReLU", [last], [last], f"relu{number}"
        yield "Dropout", [last], [last], f"drop{number}"
    for head in heads:
        yield from _head(stride, head, scaled)


def _head(stride: int, head: str, scaled: bool):
    yield "Convolution", ["fc7"], [f"score_fr{head}"], f"score_fr{head}"
    last = f"score_fr{head}"
    *inner, final = UPSAMPLED[stride]
    for name, pool in zip(inner, ("pool4", "pool3"), strict=False):
        yield "Deconvolution", [last], [f"{name}{head}"], f"{name}{head}"
        source = pool
        if scaled:
            source = f"scale_{pool}"
            yield "Scale", [pool], [source], source
        skip = f"score_{pool}{head}"
        yield "Convolution", [source], [skip], skip
        yield "Crop", [skip, f"{name}{head}"], [f"{skip}c"], f"{skip}c"
        last = f"fuse_{pool}{head}"
        yield "Eltwise", [f"{name}{head}", f"{skip}c"], [last], last
    yield "Deconvolution", [last], [f"{final}{head}"], f"{final}{head}"
    yield "Crop", [f"{final}{head}", "data"], [f"score{head}"], f"score{head}"


def other_name(name: str) -> str:
    return f"layer-{name[::-1]}"


def alexnet() -> Iterable[Layer]:
    """The layers of FCN-AlexNet, which pools before it normalizes."""
    last = "data"
    yield "Input", [], ["data"], "data"
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"):
        yield "Convolution", [last], [name], name
        yield "ReLU", [name], [name], f"relu-{name}"
        last = name
        if name in ("conv1", "conv2", "conv5"):
            yield "Pooling", [last], [f"pool-{name}"], f"pool-{name}"
            last = f"pool-{name}"
        if name in ("conv1", "conv2"):
            yield "LRN", [last], [f"norm-{name}"], f"norm-{name}"
            last = f"norm-{name}"
    yield "Convolution", [last], ["score_fr"], "score_fr"
    yield "Deconvolution", ["score_fr"], ["upscore"], "upscore"
    yield "Crop", ["upscore", "data"], ["score"], "score"


WINDOWS: dict[str, Parameters] = {
    "conv1_1": {"pad": 100, "kernel_size": 3},
    "fc6": {"pad": 0, "kernel_size": 7},
    "fc7": {"kernel_size": 1},
    "conv1": {"pad": 100, "kernel_size": 11, "stride": 4},
    "conv2": {"pad": 2, "kernel_size": 5, "group": 2},
    "conv4": {"pad": 1, "kernel_size": 3, "group": 2},
    "conv5": {"pad": 1, "kernel_size": 3, "group": 2},
}


def parameters(found: Layer, *, is_alexnet: bool = False) -> Parameters:
    """Those of a layer in the release."""
    kind, bottoms, _, name = found
    match kind:
        case "Convolution" if name.startswith("score"):
            return {"pad": 0, "kernel_size": 1}
        case "Convolution":
            own = {"pad": 1, "kernel_size": 3, "stride": 1}
            return (
                {"pad": 0, "kernel_size": 6}
                if is_alexnet and name == "fc6"
                else (WINDOWS.get(name, own))
            )
        case "Deconvolution":
            size, stride = KERNELS[name.removesuffix("_sem").removesuffix("_geo")]
            return {"kernel_size": 63 if is_alexnet else size, "stride": stride}
        case "Pooling":
            return {"pool": "MAX", "kernel_size": 3 if is_alexnet else 2, "stride": 2}
        case "LRN":
            return {"local_size": 5, "alpha": 0.0001, "beta": 0.75}
        case "Eltwise":
            return {"operation": "SUM"}
        case "Crop":
            source = bottoms[0].removesuffix("_sem").removesuffix("_geo")
            return {"axis": 2, "offset": 18 if is_alexnet else CROPS[source]}
        case _:
            return {}


def _values(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else [value]


def as_binary(kind: str, given: Parameters, *, v1: bool) -> bytes:
    """The message of parameters, a field of the layer."""
    _, old, new, numbers = MESSAGES[kind]
    number = old if v1 else new
    if not number:
        return b""  # V1 has no such parameters
    found = b""
    for key, value in given.items():
        for each in _values(value):
            one = ENUMS[each][key] if isinstance(each, str) else each
            is_float = key in ("negative_slope", "alpha", "beta", "k", "coeff")
            found += (
                varint(numbers[key] << 3 | 5) + struct.pack("<f", one)
                if is_float
                else integer(numbers[key], int(str(one)) % (1 << 64))
            )
    return content(number, found)


def as_text(
    found: Iterable[Layer],
    *,
    v1: bool = False,
    changes: Mapping[str, Parameters] | None = None,
    is_alexnet: bool = False,
) -> str:
    """A description with other names; ``changes``: published name -> other parameters."""
    texts = []
    for one in found:
        kind, bottoms, tops, name = one
        blobs = [f'bottom: "{b}"' for b in bottoms] + [f"top: '{t}'" for t in tops]
        given = {**parameters(one, is_alexnet=is_alexnet), **(changes or {}).get(name, {})}
        values = " ".join(f"{key}: {v}" for key, value in given.items() for v in _values(value))
        message = f"{MESSAGES[kind][0]} {{ {values} }}" if values else ""
        written = kind.upper() if v1 else f'"{kind}"'
        body = "\n  ".join([f'name: "{other_name(name)}"', f"type: {written}", *blobs, message])
        texts.append(f"{'layers' if v1 else 'layer'} {{\n  {body}\n}}")
    return "\n".join(['name: "mine"  # a comment', *texts])


def write(
    path: Path,
    source: nn.Module,
    found: Iterable[Layer],
    *,
    connected: bool,
    v1: bool = False,
    changes: Mapping[str, Parameters] | None = None,
    renamed: bool = True,
    is_alexnet: bool = False,
) -> Path:
    """A model; ``connected``: whether it says how its layers are connected, and what they do."""
    weights = by_layer(source.state_dict())
    parts = []
    for one in found:
        kind, bottoms, tops, name = one
        given = {**parameters(one, is_alexnet=is_alexnet), **(changes or {}).get(name, {})}
        parts.append(
            layer(
                other_name(name) if renamed else name,
                kind,
                [blob(tensor, legacy=v1) for tensor in weights.get(name, ())],
                v1=v1,
                bottoms=bottoms if connected else [],
                tops=tops if connected else [],
                message=as_binary(kind, given, v1=v1) if connected and given else b"",
            )
        )
    path.write_bytes(b"".join(parts))
    return path
