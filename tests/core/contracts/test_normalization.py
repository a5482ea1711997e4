"""The normalization of a network's input."""

from __future__ import annotations

import pytest
from pluxel.core import Normalization
from pydantic import ValidationError


@pytest.mark.parametrize("key", ["mean", "std"])
def test_a_number_must_be_a_list(key: str) -> None:
    text = "expected a list of one value for all channels, or of one per channel, not 0.5: write "
    with pytest.raises(ValidationError) as caught:
        Normalization.model_validate_json(f'{{"{key}": 0.5}}', strict=True)
    assert caught.value.errors()[0]["msg"] == f"Value error, {text}[0.5]"
    listed = Normalization.model_validate_json(f'{{"{key}": [0.5]}}', strict=True)
    assert getattr(listed, key) == (0.5,)
