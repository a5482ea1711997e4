"""Pause the search for cyclic garbage."""

from __future__ import annotations

import gc

import pytest
from pluxel.core.common.garbage import no_collection


def test_collection_resumes_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), no_collection():
        1 / gc.isenabled()  # it is not
    assert gc.isenabled()


def test_what_the_caller_paused_stays_paused() -> None:
    with no_collection():
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
