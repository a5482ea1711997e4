"""What the tests of every part of the core share."""

from __future__ import annotations

import pytest
from pluxel.core.common.logs import log_once, logger


@pytest.fixture(autouse=True)
def _a_log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was said yet, and what is said reaches pytest, whatever a command line set up."""
    log_once.cache_clear()
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])
