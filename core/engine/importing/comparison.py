"""Compare the operations that a Caffe file states with those of a published network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose

from ....registry import PluxelError
from ...model.caffe_parameters import ParameterValue
from ...model.caffemodel import CaffeLayer
from .operations import Operation, operations
from .published import PublishedNetwork

_IDENTITIES = {"dropout", "split"}
_ENDS = {"softmax", "accuracy", "argmax", "silence", "python"}
"""Kinds of layers after the scores of pixels, besides losses."""

_TYPES = {"relu": "ReLU", "lrn": "LRN"}
"""Kinds of layers that are not written with one capital letter."""

_FRAME = (100.0, 100.0)
_BACKBONE = "a network that pads as usual is a backbone:  backbone.pretrained=FILE"

_PRECISION = 1e-5
"""Relative; files hold float32."""


def check_operations(
    layers: Sequence[CaffeLayer], names: Mapping[str, str], network: PublishedNetwork
) -> None:
    """Check that layers compute what the published network does, as far as they say.

    ``names``: the names of layers with weights in the release, where they differ.

    Raises: PluxelError with the first layer that computes otherwise, its value, and the published
    value.
    """
    wanted = operations(network)
    if not any(layer.bottoms for layer in layers):
        _check_apart(layers, names, wanted)
        return
    found, ends = _found(layers, names, wanted)
    for name, operation in wanted.items():
        if name in found:
            _check_options(found[name], operation)
            _check_sources(found[name], operation)
    for end in ends:
        _check_end(end, wanted)


def _found(
    layers: Sequence[CaffeLayer], names: Mapping[str, str], wanted: Mapping[str, Operation]
) -> tuple[dict[str, Operation], list[Operation]]:
    """Return the operations with weights by their published names, and all others."""
    current: dict[str, Operation] = {}
    found: dict[str, Operation] = {}
    others: list[Operation] = []
    for layer in layers:
        kind, name = layer.type.lower(), names.get(layer.name, layer.name)
        sources = [current.setdefault(one, Operation("data")) for one in layer.bottoms]
        if not sources:
            current |= {top: Operation("data", layer.name) for top in layer.tops}
            continue
        if kind in _IDENTITIES:
            current |= dict.fromkeys(layer.tops, sources[0])
            continue
        if kind == "concat" and all(one.kind == "data" for one in sources):  # color and depth
            one = sources[0]
        elif kind == "eltwise":
            one = _flat_sum(layer, sources)
            others.append(one)
        else:
            weights = name if name in wanted else ""
            one = Operation(kind, layer.name, layer.options, sources[:1], weights)
            if weights:
                found[weights] = one
            else:
                others.append(one)
        current |= dict.fromkeys(layer.tops, one)
    return found, others


def _flat_sum(layer: CaffeLayer, sources: Sequence[Operation]) -> Operation:
    """Return the sum of a layer, with the sums that it adds up written out."""
    given = layer.options.get("coeff")
    shares = given if isinstance(given, tuple) and given else (1.0,) * len(sources)
    flat: list[tuple[Operation, float]] = []
    for source, share in zip(sources, shares, strict=False):
        is_sum = source.kind == "eltwise" and source.options.get("operation") == "SUM"
        inner = zip(source.sources, source.shares, strict=True) if is_sum else [(source, 1.0)]
        flat += [(one, share * own) for one, own in inner]
    return Operation(
        "eltwise", layer.name, layer.options, [s for s, _ in flat], "", [v for _, v in flat]
    )


def _check_apart(
    layers: Sequence[CaffeLayer], names: Mapping[str, str], wanted: Mapping[str, Operation]
) -> None:
    """Check the layers of a file without connections: those whose names say which they are."""
    for layer in layers:
        if operation := wanted.get(names.get(layer.name, layer.name)):
            kind = layer.type.lower()
            _check_options(Operation(kind, layer.name, layer.options), operation)


def _check_sources(found: Operation, wanted: Operation) -> None:
    """Check what an operation computes on, up to the next layers with weights."""
    if wanted.kind == "eltwise":
        _check_sum(found, wanted)
        return
    for one, other in zip(found.sources, wanted.sources, strict=True):
        _check_source(found, one, other)


def _check_source(consumer: Operation, found: Operation, wanted: Operation) -> None:
    if (found.kind, found.weights) != (wanted.kind, wanted.weights):
        raise PluxelError(
            f"layer {consumer.layer} follows {_named(found)}, but in the published network "
            f"{_named(wanted)}"
        )
    if not wanted.weights:
        _check_options(found, wanted)
        _check_sources(found, wanted)


def _check_sum(found: Operation, wanted: Operation) -> None:
    one, other = (
        {source.leaf: (source, share) for source, share in zip(x.sources, x.shares, strict=True)}
        for x in (found, wanted)
    )
    if one.keys() != other.keys() or len(found.sources) != len(one):
        raise PluxelError(
            f"layer {found.layer} adds {_listed(found)}, but the published network "
            f"{_listed(wanted)}"
        )
    for leaf, (source, share) in other.items():
        _check_source(found, one[leaf][0], source)
        if not isclose(one[leaf][1], share, rel_tol=_PRECISION):
            raise _unlike(found, f"coefficient {one[leaf][1]:g} for {leaf}", f"{share:g}")


def _check_end(found: Operation, wanted: Mapping[str, Operation]) -> None:
    """Check a layer after the last upsampling of a head: its crop, or what follows that."""
    before = found.sources[0]
    crop = wanted.get(f"{before.weights} crop")
    if crop is not None:
        if found.kind != "crop":
            raise PluxelError(
                f"layer {found.layer} ({_type(found)}) follows layer {before.layer}, but in the "
                f"published network, a crop by {_text(crop.options['offset'])} pixels does"
            )
        _check_options(found, crop)
    is_last = before.kind == "crop" and f"{before.leaf} crop" in wanted
    if is_last and found.kind not in _ENDS and "loss" not in found.kind:
        raise PluxelError(
            f"layer {found.layer} ({_type(found)}) changes the scores of pixels, which the "
            "published network does not"
        )


def _check_options(found: Operation, wanted: Operation) -> None:
    for key, expected in wanted.options.items():
        value = found.options.get(key)
        if value is not None and not _same(key, value, expected):
            notes = [_BACKBONE] if (key, expected) == ("pad", _FRAME) else []
            raise _unlike(found, f"{key} {_text(value)}", _text(expected), notes)


def _same(key: str, value: ParameterValue, expected: ParameterValue) -> bool:
    if key == "axis" and isinstance(value, float) and value < 0:
        value += 4  # counted from the end
    pairs = [*zip(_numbers(value), _numbers(expected), strict=False)]
    return all(isclose(a, b, rel_tol=_PRECISION) for a, b in pairs) if pairs else value == expected


def _numbers(value: ParameterValue) -> Iterator[float]:
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, (int, float)):
            yield float(one)


def _text(value: ParameterValue) -> str:
    if isinstance(value, tuple):
        return _text(value[0]) if len({*value}) == 1 else "×".join(map(_text, value))
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _unlike(found: Operation, value: str, expected: str, notes: Sequence[str] = ()) -> PluxelError:
    return PluxelError(
        f"layer {found.layer} has {value}, but the published network has {expected}", notes
    )


def _named(operation: Operation) -> str:
    if operation.kind == "data":
        return "the image"
    if not operation.layer:
        return f"a layer of type {_type(operation)}"
    return f"layer {operation.layer} ({_type(operation)})"


def _type(operation: Operation) -> str:
    return _TYPES.get(operation.kind, operation.kind.capitalize())


def _listed(operation: Operation) -> str:
    return " and ".join(one.leaf or one.layer or "the image" for one in operation.sources)
