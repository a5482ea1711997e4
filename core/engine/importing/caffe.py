"""Read a Caffe model as tensors with the names of the paper's release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ....registry import PluxelError
from ...model.caffemodel import CaffeLayer, caffe_state, read_caffemodel
from ...model.prototxt import read_prototxt
from ...model.weights import first_names
from .comparison import check_operations
from .published import nearest_network
from .structure import published_names


def caffe_tensors(file: Path, prototxt: Path | None = None) -> dict[str, Tensor]:
    """Return the tensors of a model; layers with other names are recognized by their connections.

    ``prototxt``: the description of the network, for models that do not hold the connections.

    Raises: PluxelError for files that cannot be read, that do not belong together, or that state
    other operations than those of the published network.
    """
    layers = read_caffemodel(file)
    state = caffe_state(layers)
    described = read_prototxt(prototxt) if prototxt else layers
    if prototxt:
        _check_same(file, prototxt, state, described)
    names = {layer.name for layer in layers if layer.blobs}
    known = nearest_network(names)
    is_known = {*known.learned_layers()} <= names
    renamed: dict[str, str] = {}
    if (prototxt or not is_known) and any(layer.bottoms for layer in described):
        outputs = {layer.name: len(layer.blobs[0]) for layer in layers if layer.blobs}
        try:
            renamed = published_names(described, outputs)
        except PluxelError as error:
            if prototxt:
                raise PluxelError(f"{prototxt}: {error.message}") from error
    own = {_renamed(name, renamed): value for name, value in state.items()}
    network = nearest_network(name.rpartition(".")[0] for name in own)
    if own.keys() == {*network.tensors()}:  # otherwise, the import names what differs
        try:
            check_operations(described, renamed, network)
        except PluxelError as error:
            raise PluxelError(f"{prototxt or file}: {error.message}", error.notes) from error
    return own


def _renamed(name: str, layers: dict[str, str]) -> str:
    layer, _, kind = name.rpartition(".")
    return f"{layers.get(layer, layer)}.{kind}"


def _check_same(
    file: Path, prototxt: Path, state: dict[str, Tensor], described: Sequence[CaffeLayer]
) -> None:
    names = {layer.name for layer in described}
    unknown = [
        *dict.fromkeys(n.rpartition(".")[0] for n in state if n.rpartition(".")[0] not in names)
    ]
    if unknown:
        raise PluxelError(
            f"{prototxt} does not describe the network of {file}: it lacks the layers "
            f"{first_names(unknown)}"
        )
