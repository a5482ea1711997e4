"""Options, and defaults, that a configuration shares with the rooms that use them."""

from __future__ import annotations

from typing import Literal

Sampling = Literal["shuffle", "uniform"]


OnBadSample = Literal["stop", "skip"]


Precision = Literal["auto", "fp32", "bf16", "fp16"]


MATCH_THRESHOLD = 0.15
"""The least margin of two names of classes that mean the same, unless configured otherwise.

With GloVe 6B in 50 dimensions, four matches of seven are then right.
"""
