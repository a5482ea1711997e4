"""Two kinds of fast scores of rows, which bound their cosines from above."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..common.numerics import full_precision
from ..common.torch_private import has_bfloat16_instructions
from ._compact import SLACK, Compact
from ._exact import Rows

_PART = 1 << 21
"""Numbers to convert at once."""

_PAIRED = 1 << 17
"""Numbers of pairs to multiply at once; they fit in the CPU's cache."""


class RowScores(Protocol):
    """Scores of rows for Q queries, float32, with cosine ≤ score + ``slack``, (Q,) float64."""

    slack: Tensor

    def write(self, start: int, out: Tensor) -> None:
        """Write the scores of B rows from ``start`` on to ``out`` (B, Q)."""
        ...


class FullScores:
    """Products in float32 with the rows.

    The bound. The computed product of vectors x and y of D numbers has an error of at most
    γ Σ|xᵢyᵢ| ≤ γ ‖x‖ ‖y‖, where γ = D ε / (1 − D ε) and ε = 2⁻²⁴, for any order of the additions
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). Rounding the
    query, the norm or the unit row, and the result adds less than 8 ε. Underflow in float32 adds
    less than D 2⁻¹⁰⁰, because the norms are ordinary.
    """

    def __init__(self, rows: Rows, queries: Tensor) -> None:
        self.rows = rows
        self.queries = queries.float()
        self.slack = torch.full_like(queries[:, 0], gamma(queries.shape[1] + 8) + 1e-12)

    def write(self, start: int, out: Tensor) -> None:
        """Write cosines in float32."""
        rows = self.rows
        direct = rows.ordinary and rows.vectors.dtype == torch.float32
        step = len(out) if direct else max(1, _PART // rows.vectors.shape[1])
        for first in range(start, start + len(out), step):
            block = out[first - start : first - start + step]
            part = slice(first, first + len(block))
            with full_precision(block):
                torch.mm(self._factor(part), self.queries.T, out=block)
            if rows.ordinary:
                block.mul_(rows.inverse[part, None])

    def of_pairs(self, numbers: Tensor, queries: Tensor) -> Tensor:
        """Return cosines in float32, (P,), given the numbers of rows and queries, (P,) each."""
        step = max(1, _PAIRED // self.queries.shape[1])
        parts = zip(numbers.split(step), queries.split(step), strict=True)
        products = torch.cat([(self._factor(n) * self.queries[q]).sum(1) for n, q in parts])
        return products.mul_(self.rows.inverse[numbers]) if self.rows.ordinary else products

    def _factor(self, part: slice | Tensor) -> Tensor:
        rows = self.rows
        return rows.vectors[part].float() if rows.ordinary else rows.unit(part).float()


class CompactScores:
    """Products with the codes of the compact copy, for many queries; in bfloat16 if ``half``.

    The bound that `Compact` derives is codes·z, whose absolute value is at most M = max‖c‖ ‖z of d
    coordinates‖ + 127 (z of the two columns). Additions in float32 have an error of at most γ M, as
    in `FullScores`. Codes are exact in bfloat16. Rounding the weights z to it, upwards for the two
    columns (whose codes are not negative), adds max‖c‖ ‖error of the d coordinates‖. Rounding the
    result adds M 2⁻⁸.
    """

    def __init__(self, compact: Compact, queries: Tensor, half: bool) -> None:
        size = compact.basis.shape[1]
        self.codes = compact.codes[:, : size + 2]
        self.dtype = torch.bfloat16 if half else torch.float32
        weights = torch.from_numpy(compact.weights(queries.numpy()))[:, : size + 2]
        weights[:, size:] *= 1 + 2.0**-7 if half else 1 + 2.0**-22
        self.weights = weights.to(self.dtype).T.contiguous()
        rounded = self.weights.T.double()
        bound = compact.largest * rounded[:, :size].norm(dim=1) + 127 * rounded[:, size:].sum(1)
        error = (rounded - weights)[:, :size].norm(dim=1)
        relative = gamma(size + 8) + (1.01 * 2.0**-8 if half else 0)
        self.slack = SLACK + compact.largest * error + relative * bound

    def write(self, start: int, out: Tensor) -> None:
        """Write upper bounds in float32."""
        step = max(1, _PART // self.codes.shape[1])
        for first in range(0, len(out), step):
            block = out[first : first + step]
            codes = self.codes[start + first : start + first + len(block)].to(self.dtype)
            with full_precision(block):
                if self.dtype == block.dtype:
                    torch.mm(codes, self.weights, out=block)
                else:
                    block.copy_(codes @ self.weights)


def has_fast_halves() -> bool:
    """Return whether the CPU has bfloat16 instructions that torch uses."""
    return torch.backends.mkldnn.is_available() and has_bfloat16_instructions()


def gamma(terms: int) -> float:
    """Return the largest relative error of a float32 sum of a number of products."""
    return terms * 2.0**-24 / (1 - terms * 2.0**-24)
