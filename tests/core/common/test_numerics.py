"""Exact products, whatever a program allowed, in any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from pluxel.core.common.numerics import at_least_float32, full_precision


def products_are_exact() -> bool:
    matmul = getattr(torch.backends.mkldnn, "matmul", None)  # since torch 2.9
    if hasattr(matmul, "fp32_precision"):
        return {"ieee": True, "tf32": False}[matmul.fp32_precision]  # pyright: ignore[reportOptionalMemberAccess]
    return {"highest": True, "high": False}[torch.get_float32_matmul_precision()]


@pytest.fixture(autouse=True)
def _fast_products() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def test_within_it_products_are_exact_and_afterwards_as_they_were() -> None:
    one = torch.zeros(1)
    with full_precision(one):
        with full_precision(one):
            assert products_are_exact()
        assert products_are_exact()
    assert not products_are_exact()
    with pytest.raises(ZeroDivisionError), full_precision(one):
        _ = 1 / 0
    assert not products_are_exact()


def test_other_types_leave_the_switch_alone() -> None:
    with full_precision(torch.zeros(1, dtype=torch.float64)):
        assert not products_are_exact()


def test_no_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16), full_precision(torch.zeros(1)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_the_last_of_several_threads_turns_the_switch_back() -> None:
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
    kinds = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    found = [at_least_float32(torch.zeros(1, dtype=kind)).dtype for kind in kinds]
    assert found == [torch.float32] * 3 + [torch.float64]
