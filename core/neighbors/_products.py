"""Exact products of int8 codes, by SimSIMD or, without it, by NumPy."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import numpy as np
import torch

from ..common.logs import log_once

_PART = 1 << 20
"""Codes that NumPy converts at once; they fit in the CPU's cache."""

_WHOLE = 2**24 // 127**2
"""Up to this many columns, float32 represents every sum of products of two codes exactly."""


def multiply(query: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    """Write the products of codes (N, width) and a query (1, width), int8, to ``out`` (N,) float64.

    Each is an exact integer with either library, because codes are within ±127.
    """
    if (simsimd := _simsimd()) is None:
        _multiply_by_numpy(query, codes, out)
    # Writing float64 is faster than writing int32. dot is faster than cdist, but single-threaded.
    elif (threads := torch.get_num_threads()) == 1:
        simsimd.dot(query, codes, out=out)
    else:
        simsimd.cdist(query, codes, "dot", out=out[None], out_dtype="float64", threads=threads)


@cache
def _simsimd() -> ModuleType | None:
    try:
        import simsimd  # noqa: PLC0415 - searches work without it
    except ImportError:
        log_once(
            logging.INFO, "simsimd is not installed; exact search is slower: pip install simsimd"
        )
        return None
    return simsimd


def _multiply_by_numpy(query: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    # Sums of integers below 2²⁴ (2⁵³) are exact in float32 (float64), in any order.
    kind = np.float32 if codes.shape[1] <= _WHOLE else np.float64
    vector = query[0].astype(kind)
    step = max(1, _PART // codes.shape[1])
    for start in range(0, len(codes), step):
        part = slice(start, start + step)
        out[part] = codes[part].astype(kind) @ vector
