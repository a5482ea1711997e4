"""Measure how a network maps positions, from its operations or by gradients."""

from ._constants import TracedValue
from ._dispatch import Tracer
from ._fixed import measure_fixed
from ._following import Follower
from ._measuring import Measurement, measure, positions, size_of_map
from ._positions import Located
from ._probing import BATCH_NORMS
from ._replica import on_meta, replica, type_of
from ._results import Results, Reusing
from ._sizes import FixedSizeError
from ._trees import as_maps, leaves, tensors_of

__all__ = [
    "BATCH_NORMS",
    "FixedSizeError",
    "Follower",
    "Located",
    "Measurement",
    "Results",
    "Reusing",
    "TracedValue",
    "Tracer",
    "as_maps",
    "leaves",
    "measure",
    "measure_fixed",
    "on_meta",
    "positions",
    "replica",
    "size_of_map",
    "tensors_of",
    "type_of",
]
