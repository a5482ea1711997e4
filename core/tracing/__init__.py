"""Measure what a network does to positions, from its layers or by gradients."""

from ._dispatch import Tracer
from ._measuring import Measurement, measure, size_of_map
from ._positions import Located
from ._replica import on_meta, replica

__all__ = ["Located", "Measurement", "Tracer", "measure", "on_meta", "replica", "size_of_map"]
