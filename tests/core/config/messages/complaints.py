"""Collect the errors of loading a configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pluxel.core.config.tree.problems import ConfigError


def complaints(load: Any, text: str, **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **more)
    return str(caught.value).splitlines()
