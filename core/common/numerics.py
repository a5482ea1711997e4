"""Control the precision of computations, whatever the precision of the inputs."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Convert half precision to float32; return other tensors unchanged."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def unit_vectors(vectors: Tensor, norms: Tensor | None = None) -> Tensor:
    """Scale vectors (…, D) to length 1, in float64; vectors of zeros stay zeros.

    ``norms``: the Euclidean norms, (…,), computed if not given.
    """
    vectors = vectors.double()
    norms = vectors.norm(dim=-1) if norms is None else norms
    return vectors / (norms + (norms == 0)).unsqueeze(-1)


def finite_or_none(value: float) -> float | None:
    """Return a value, or None for NaN and infinity, which JSON lacks."""
    return value if math.isfinite(value) else None


def not_finite(tensors: Mapping[str, Tensor], parameters: Container[str]) -> str | None:
    """Return the name of the first tensor with a value that is not finite, if there is one.

    Tensors that are not ``parameters`` may contain infinity, as masks of attention do, but not NaN.
    """
    # A sum is finite only if all values are. Read all at once: each read waits for the device.
    named = {n: t for n, t in tensors.items() if t.is_floating_point() and not t.is_meta}
    if not named:
        return None
    sums = torch.stack([each.sum(dtype=torch.float32) for each in named.values()])
    suspects = [name for name, ok in zip(named, sums.isfinite().tolist(), strict=True) if not ok]
    for name in suspects:
        bad = ~named[name].isfinite() if name in parameters else named[name].isnan()
        if bad.any():
            return name
    return None


def means_of_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of the values (…, C) that are not NaN, (…); NaN if there are none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(-1) / known.sum(-1)


def mean_of_known(values: np.ndarray) -> float:
    """Return the mean of the values (C,) that are not NaN; NaN if there are none."""
    return means_of_known(values).item()


@contextmanager
def full_precision(tensor: Tensor) -> Iterator[None]:
    """Compute in the full precision of ``tensor``: no autocast, no products in TF32 or bfloat16."""
    kind = tensor.device.type
    with ExitStack() as stack:
        if torch.amp.is_autocast_available(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if tensor.dtype == torch.float32:
            stack.enter_context(_exact_products)
        yield


class _ExactProducts:
    """Disables reduced precision of float32 products, even if the program has allowed it.

    PyTorch's setting applies to the whole process. The first thread that enters changes it, and
    the last one that leaves restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before: list[str] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = _set_precisions(["ieee", "ieee"])
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _set_precisions(self._before)


_exact_products = _ExactProducts()


def _set_precisions(precisions: Sequence[str]) -> list[str]:
    """Set the precisions of float32 products on CUDA and the CPU; return the previous ones."""
    backends: list[Any] = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]  # pyright: ignore[reportAttributeAccessIssue]
    previous = [backend.fp32_precision for backend in backends]
    for backend, new, old in zip(backends, precisions, previous, strict=True):
        # "none" inherits another setting of PyTorch's and is exact by default, so it stays.
        if new != old and {new, old} != {"ieee", "none"}:
            backend.fp32_precision = new
    return previous
