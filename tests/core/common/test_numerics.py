"""Products are exact in any number of threads, even if the program allows reduced precision."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from pluxel.core.common.numerics import at_least_float32, full_precision


def products_are_exact() -> bool:
    matmul = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]
    return {"ieee": True, "tf32": False}[matmul.fp32_precision]


@pytest.fixture(autouse=True)
def _fast_products() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def test_products_are_exact_within_and_unchanged_afterwards() -> None:
    tensor = torch.zeros(1)
    with full_precision(tensor):
        with full_precision(tensor):
            assert products_are_exact()
        assert products_are_exact()
    assert not products_are_exact()
    with pytest.raises(ZeroDivisionError), full_precision(tensor):
        _ = 1 / 0
    assert not products_are_exact()


def test_other_types_do_not_change_the_setting() -> None:
    with full_precision(torch.zeros(1, dtype=torch.float64)):
        assert not products_are_exact()


def test_autocast_is_disabled() -> None:
    with torch.autocast("cpu", torch.bfloat16), full_precision(torch.zeros(1)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_the_last_thread_restores_the_setting() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with full_precision(torch.zeros(1)):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with full_precision(torch.zeros(1)):
        thread.start()
        assert entered.wait(10)
    assert products_are_exact()
    leave.set()
    thread.join()
    assert not products_are_exact()


def test_half_precision_becomes_float32() -> None:
    dtypes = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    results = [at_least_float32(torch.zeros(1, dtype=dtype)).dtype for dtype in dtypes]
    assert results == [torch.float32] * 3 + [torch.float64]
