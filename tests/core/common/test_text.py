"""Phrases of messages."""

from __future__ import annotations

import pytest
from pluxel.core.common.text import byte_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1536, "1.54 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (200_000_000, "200 MB"),
        (8_000_000_000, "8 GB"),
        (10_400_000_000, "10.4 GB"),
        (5_000_000_000_000, "5 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert byte_size(size) == text
