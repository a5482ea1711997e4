"""Recognize the layers of a published network by how they are connected, whatever their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ....registry import PluxelError
from ...model.caffemodel import CaffeLayer
from .published import DECONVOLUTIONS, HEADS, SKIPS, STREAMS, TRUNKS


@dataclass(eq=False)
class _Unit:
    """What a blob comes from: a layer and its inputs; layers without weights are passed through.

    ``pools``: pools between the image and here. ``rectified``: whether a ReLU follows. ``head``:
    the number of the score layer that it belongs to.
    """

    kind: str
    layer: str = ""
    sources: Sequence[_Unit] = ()
    pools: int = 0
    rectified: bool = False
    head: int | None = None
    outputs: int = 0
    root: str = ""


_KEPT = ("convolution", "deconvolution", "scale", "eltwise")


def published_names(layers: Sequence[CaffeLayer], outputs: Mapping[str, int]) -> dict[str, str]:
    """Return the name of each layer with weights -> its name in the release.

    ``outputs``: layer -> the number of its outputs.

    Raises: PluxelError if the connections are not those of a published network.
    """
    units = _units(layers, outputs)
    trunk = _named_trunks([one for one in units if one.kind == "convolution" and one.rectified])
    heads = _heads(units)
    scores = [one for one in units if one.kind == "convolution" and not one.rectified]
    names = trunk | _named_scores(scores, heads, units)
    names |= {
        one.layer: f"scale_pool{one.pools}" for one in units if one.kind == "scale" and one.pools
    }
    return names


def _units(layers: Sequence[CaffeLayer], outputs: Mapping[str, int]) -> list[_Unit]:
    """Return the units with weights and the sums, in the order of the layers."""
    current: dict[str, _Unit] = {}
    found: list[_Unit] = []
    for layer in layers:
        kind = layer.type.lower()
        sources = [current.setdefault(b, _Unit("data", root=b)) for b in layer.bottoms]
        if not sources:
            current |= {top: _Unit("data", root=top) for top in layer.tops}
            continue
        first = sources[0]
        if kind == "relu":
            first.rectified = True
        unit = first
        if kind == "pooling":
            unit = _Unit("pooling", "", sources, first.pools + 1, root=first.root)
        elif kind in _KEPT:
            count = outputs.get(layer.name, 0)
            unit = _Unit(kind, layer.name, sources, first.pools, outputs=count, root=first.root)
            found.append(unit)
        current |= dict.fromkeys(layer.tops, unit)
    return found


def _named_trunks(convolutions: Sequence[_Unit]) -> dict[str, str]:
    roots = [*dict.fromkeys(one.root for one in convolutions)]
    suffixes = next((key for key in STREAMS if len(key) == len(roots)), None)
    names: dict[str, str] = {}
    for suffix, root in zip(suffixes or (), roots, strict=False):
        own = [one for one in convolutions if one.root == root]
        known = next((each for each in TRUNKS.values() if len(each) == len(own)), None)
        if known is None:
            raise _unlike(f"{len(own)} convolutions are followed by ReLU; VGG16 has 15, AlexNet 7")
        names |= {one.layer: f"{name}{suffix}" for one, name in zip(own, known, strict=True)}
    if not names:
        raise _unlike(f"{len(roots)} inputs are followed by convolutions and ReLU")
    return names


def _heads(units: Sequence[_Unit]) -> dict[int, int]:
    """Give each score layer the number of its head; return head -> outputs."""
    heads: dict[int, int] = {}
    for unit in units:
        if unit.kind == "convolution" and not unit.rectified and _follows_classifier(unit):
            unit.head = len(heads)
            heads[unit.head] = unit.outputs
    for unit in units:
        known = [one.head for one in unit.sources if one.head is not None]
        if unit.kind == "deconvolution" and known:
            unit.head = known[0]
        elif unit.kind == "eltwise" and known:
            unit.head = min(known)
            for source in unit.sources:  # a skip, or the scores of another stream
                source.head = unit.head
    return {head: heads[head] for head in sorted({n.head for n in units if n.head is not None})}


def _follows_classifier(unit: _Unit) -> bool:
    return any(one.kind == "convolution" for one in unit.sources)


def _named_scores(
    scores: Sequence[_Unit], heads: Mapping[int, int], units: Sequence[_Unit]
) -> dict[str, str]:
    suffixes = next((known.values() for known in HEADS.values() if len(known) == len(heads)), None)
    if suffixes is None:
        raise _unlike(f"it scores {len(heads)} label maps")
    # The semantic head of SIFT Flow has more classes than the geometric one.
    order = sorted(heads, key=lambda head: -heads[head])
    names: dict[str, str] = {}
    for suffix, head in zip(suffixes, order, strict=True):
        own = [one for one in scores if one.head == head]
        first = [one for one in own if _follows_classifier(one)]
        streams = next((key for key in STREAMS if len(key) == len(first)), ("",))
        names |= {
            one.layer: f"score_fr{suffix}{stream}"
            for one, stream in zip(first, streams, strict=False)
        }
        skips = [one for one in own if one not in first]
        names |= {one.layer: f"score_pool{one.pools}{suffix}" for one in skips}
        stride = next((s for s, known in SKIPS.items() if len(known) == len(skips)), 32)
        upsampling = [one for one in units if one.kind == "deconvolution" and one.head == head]
        known = DECONVOLUTIONS[stride]
        if len(upsampling) != len(known):
            raise _unlike(f"{len(skips)} skips, but {len(upsampling)} deconvolutions of scores")
        names |= {one.layer: f"{n}{suffix}" for one, n in zip(upsampling, known, strict=True)}
    return names


def _unlike(reason: str) -> PluxelError:
    return PluxelError(f"the layers are not connected as in a published network: {reason}")
