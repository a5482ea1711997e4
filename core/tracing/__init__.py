"""Measure what a network does to positions, from its layers or by gradients."""

from ._measuring import Measurement, measure

__all__ = ["Measurement", "measure"]
