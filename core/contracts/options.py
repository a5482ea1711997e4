"""Option types and defaults that the configuration shares with the packages that use them."""

from __future__ import annotations

from typing import Literal

Sampling = Literal["shuffle", "uniform"]


OnBadSample = Literal["stop", "skip"]


Precision = Literal["auto", "fp32", "bf16", "fp16"]


Fusion = Literal["mean", "sum"]


MATCH_THRESHOLD = 0.8
"""Default for the smallest cosine at which two class names match by meaning.

With GloVe 6B in 50 dimensions, twelve of twelve such matches are correct.
"""

InputChannels = Literal["mean", "zero", "repeat", "random"]
"""How the filters of input channels beyond those of the weights start: as the mean of the known
filters, as zeros, as the known filters in turn, or at random."""
