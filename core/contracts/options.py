"""Options of a training that data and engine share with its configuration."""

from __future__ import annotations

from typing import Literal

Sampling = Literal["shuffle", "uniform"]


OnBadSample = Literal["stop", "skip"]


Precision = Literal["auto", "fp32", "bf16", "fp16"]
