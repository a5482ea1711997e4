"""Option types and defaults that the configuration shares with the packages that use them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

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


def unquoted(*texts: str) -> BeforeValidator:
    """Accept a text without quotes that YAML reads as a number, such as the version 1.2.

    ``texts``: those that are valid; none if any text is.
    """
    values = [*texts, *map(json.loads, texts)]
    schema = {"enum": values} if texts else {"type": ["string", "number"]}
    return BeforeValidator(_as_text, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


def _as_text(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value
