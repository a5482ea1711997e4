"""Which precision numbers are computed in, whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half precision as float32, others as they are."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


@contextmanager
def full_precision(tensor: Tensor) -> Iterator[None]:
    """Compute as the type of ``tensor`` says: no autocast, and no products in TF32 or bfloat16."""
    kind = tensor.device.type
    with ExitStack() as stack:
        if torch.amp.is_autocast_available(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if tensor.dtype == torch.float32:
            stack.enter_context(_exact_products())
        yield


@contextmanager
def _exact_products() -> Iterator[None]:
    """Keep float32 products from being taken in fewer bits, as a program may have allowed."""
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # pyright: ignore[reportAttributeAccessIssue]
    if not all(hasattr(backend, "fp32_precision") for backend in backends):  # before torch 2.9
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    chosen = [backend.fp32_precision for backend in backends]
    if set(chosen) <= {"ieee", "none"}:
        yield
        return
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, chosen, strict=True):
            backend.fp32_precision = precision
