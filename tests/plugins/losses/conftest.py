"""Build losses as a configuration does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pluxel import plugins
from pluxel.core import Factory, Loss
from pluxel.registry import Host
from pydantic import TypeAdapter

Build = Callable[..., Loss]


@pytest.fixture(scope="session")
def host() -> Host:
    return Host(plugins=[plugins], files=[Path(__file__).parents[1] / "words.py"])


@pytest.fixture(scope="session")
def build(host: Host) -> Build:
    """``build({"type": "dice"}, num_classes, ignore_index)``."""
    adapter = TypeAdapter(Factory[Loss])

    def build(
        section: dict[str, Any],
        num_classes: int = 4,
        ignore_index: int = 255,
        frequencies: Sequence[int] | None = None,
    ) -> Loss:
        counts = frequencies or [1000 // 4**c for c in range(num_classes)]
        return adapter.validate_python(section, context={"host": host})(
            num_classes=num_classes,
            ignore_index=ignore_index,
            class_names=[f"class{c}" for c in range(num_classes)],
            class_frequencies=lambda: counts,
        )

    return build
