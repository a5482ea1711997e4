"""Types of parameters that components of several kinds have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Dropout = Annotated[float, Field(ge=0, lt=1)]
"""The share of activations that is set to zero in training."""
