"""Which precision numbers are computed in, whatever comes in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return half precision as float32, others as they are."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def unit_vectors(vectors: Tensor, norms: Tensor | None = None) -> Tensor:
    """Return vectors (…, D) of length 1, float64; vectors of zeros stay zeros.

    ``norms``: (…,), if they are known.
    """
    vectors = vectors.double()
    norms = vectors.norm(dim=-1) if norms is None else norms
    return vectors / (norms + (norms == 0)).unsqueeze(-1)


def finite_or_none(value: float) -> float | None:
    """Return a value as JSON holds it, which has neither NaN nor infinity."""
    return value if math.isfinite(value) else None


@contextmanager
def full_precision(tensor: Tensor) -> Iterator[None]:
    """Compute as the type of ``tensor`` says: no autocast, and no products in TF32 or bfloat16."""
    kind = tensor.device.type
    with ExitStack() as stack:
        if torch.amp.is_autocast_available(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if tensor.dtype == torch.float32:
            stack.enter_context(_exact_products)
        yield


class _ExactProducts:
    """Keeps float32 products from being taken in fewer bits, as a program may have allowed.

    PyTorch's switch is the process's: the first thread that wants exact products turns it, the last
    one that leaves turns it back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before: list[str] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = _turn(["ieee", "ieee"])
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _turn(self._before)


_exact_products = _ExactProducts()


def _turn(wanted: Sequence[str]) -> list[str]:
    """Set the precisions of float32 products on CUDA and on the CPU; return those from before."""
    matmul = getattr(torch.backends.mkldnn, "matmul", None)  # since torch 2.9
    backends: list[Any] = [torch.backends.cuda.matmul, matmul]
    if not all(hasattr(backend, "fp32_precision") for backend in backends):
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest" if wanted[0] == "ieee" else wanted[0])
        return [before] * 2
    chosen = [backend.fp32_precision for backend in backends]
    for backend, precision, old in zip(backends, wanted, chosen, strict=True):
        # "none" follows a switch of its own, and is exact as long as that is; it is left alone.
        if precision != old and {precision, old} != {"ieee", "none"}:
            backend.fp32_precision = precision
    return chosen
