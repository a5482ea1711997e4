"""The compact copy of rows: fewer numbers of one byte each, which bound the cosines from above."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.numerics import unit_vectors

SLACK = 1e-5
"""An upper bound of every float64 rounding error in this module: √(4 D 2⁻⁵³) for D < 10⁵."""

_SAMPLE = 1 << 16
_SAMPLED = 1 << 25
"""The directions are computed from at most this many rows and numbers."""

_WIDEST = 2048
"""For more dimensions, no directions are computed: that takes memory quadratic and time cubic in
their number. The bound holds for any directions; rows this wide are read in full instead."""

_BLOCK = 1 << 20
_LIMIT = 127


@dataclass(frozen=True)
class Compact:
    """A copy of N rows that bounds their cosines from above.

    ``basis``: (D, d) float32, the main directions of the unit rows by PCA. ``codes``: (N, width)
    int8, d coordinates, two columns of the bound, then zeros. ``scales``: (4,) float64, the step
    size of a coordinate and of each column, and the largest norm of d coordinates.

    The bound. Let u be a row of unit length (or zero), v a query of unit length, B the basis, σ
    the first scale, c the d codes of the row. With e = u − σBc, g = Bᵀv and h = v − Bg,

        u·v = σ c·g + e·v = σ c·g + (Bᵀe)·g + e·h ≤ σ c·g + ‖Bᵀe‖ ‖g‖ + ‖e‖ ‖h‖

    by the Cauchy–Schwarz inequality. This assumes nothing about B or c, so the bound holds despite
    rounding and for outliers that the codes cannot represent. ‖Bᵀe‖ is the error of the codes
    within the d directions; ‖e‖ is mostly the part of u outside of them. The two columns are these
    norms, rounded up to steps of their own, so that the product of all codes with

        z = (σ g, σ₁ ‖g‖, σ₂ ‖h‖, 0 …)

    is the bound. A query in int8, z ≈ τ y, with y rounded up in the two columns (whose codes are
    not negative), adds max‖c‖ · ‖(z − τ y) of the d coordinates‖ by the same inequality.
    """

    basis: Tensor
    codes: Tensor
    scales: Tensor

    def __post_init__(self) -> None:
        columns = self.basis.shape[1] + 2
        if self.codes.ndim != 2 or self.codes.shape[1] < columns or self.scales.shape != (4,):
            raise PluxelError(
                f"codes {tuple(self.codes.shape)} and {len(self.scales)} scales do not form a "
                f"compact copy with {columns - 2} directions"
            )

    @classmethod
    def build(cls, vectors: Tensor, norms: Tensor, *, width: int | None = None) -> Compact:
        """Return the compact copy of rows (N, D) with norms (N,) float64.

        The memory needed besides the result is bounded, and the result depends only on the rows.
        ``width``: columns of the codes, at least 3. The default includes all of up to 62
        directions; of more, it includes those with most of the rows' energy, up to 126.

        Raises: PluxelError if there are no rows or ``width`` is below 3.
        """
        if not vectors.numel() or (width is not None and width < 3):
            raise PluxelError(
                f"cannot build a compact copy of width {width} for rows {tuple(vectors.shape)}"
            )
        sample = _sample(vectors, norms)
        basis = _basis(sample, width)
        width = width or -(-(basis.shape[1] + 2) // 4) * 4
        step = _step(sample @ basis.double())
        codes = torch.zeros(len(vectors), width, dtype=torch.int8)
        rests = torch.empty(len(vectors), 2)
        largest = 0.0
        for start, rows in _unit_blocks(vectors, norms):
            part = slice(start, start + len(rows))
            coordinates, rests[part] = _encode(rows, basis.double(), step)
            codes[part, : basis.shape[1]] = coordinates
            largest = max(largest, float(coordinates.double().norm(dim=1).max()))
        steps = rests.amax(0).double() / _LIMIT
        columns = slice(basis.shape[1], basis.shape[1] + 2)
        for start in range(0, len(codes), _BLOCK):
            part = slice(start, start + _BLOCK)
            codes[part, columns] = (rests[part] / steps).ceil().clamp(max=_LIMIT).to(torch.int8)
        # Rounding can put the largest value of a column slightly above its last step.
        scales = torch.tensor([step, *(steps * (1 + 1e-6)).tolist(), largest], dtype=torch.float64)
        return cls(basis, codes, scales)

    def arrays(self) -> dict[str, Tensor]:
        """Return all tensors by name."""
        return {"basis": self.basis, "codes": self.codes, "scales": self.scales}

    @cached_property
    def largest(self) -> float:
        """The largest norm of d coordinates of the codes."""
        return float(self.scales[3])

    @cached_property
    def _factors(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Return σ B, Bᵀ / σ, σ₁ / σ and σ₂."""
        basis = self.basis.double().numpy()
        step, inside, beyond, _ = self.scales.tolist()
        return basis * step, np.ascontiguousarray(basis.T / step), inside / step, beyond

    def weights(self, queries: np.ndarray) -> np.ndarray:
        """Return z, (…, width) float64, for queries (…, D) of unit length.

        ``codes @ z + SLACK`` is never below the cosine.
        """
        basis, inverse, inside, beyond = self._factors
        size = len(inverse)
        weights = np.zeros((*queries.shape[:-1], self.codes.shape[1]))
        projected = queries @ basis
        rest = queries - projected @ inverse
        weights[..., :size] = projected
        weights[..., size] = inside * np.sqrt((projected * projected).sum(-1))
        weights[..., size + 1] = beyond * np.sqrt((rest * rest).sum(-1))
        return weights


def _sample(vectors: Tensor, norms: Tensor) -> Tensor:
    """Return evenly spaced rows at unit length, float64."""
    limit = min(_SAMPLE, max(1, _SAMPLED // vectors.shape[1]))
    step = -(-len(vectors) // limit)
    return unit_vectors(vectors[::step], norms[::step])


def _basis(sample: Tensor, width: int | None) -> Tensor:
    """Return the main directions of unit rows (n, D), (D, d) float32."""
    dim = sample.shape[1]
    if dim > _WIDEST:
        return torch.eye(dim, min(dim, (width or 4) - 2))
    energy, directions = torch.linalg.eigh(sample.T @ sample)
    energy, directions = energy.flip(0), directions.flip(1)
    return directions[:, : (width or _width(energy)) - 2].float().contiguous()


def _width(energy: Tensor) -> int:
    """Return the number of columns for directions with energies (D,), in descending order."""
    if len(energy) <= 62:
        return -(-(len(energy) + 2) // 4) * 4
    shares = energy.cumsum(0) / energy.sum().clamp(min=1e-300)
    return next((width for width in (64, 96) if shares[: width - 2][-1] > 0.8), 128)


def _step(coordinates: Tensor) -> float:
    """Return the step of coordinates (n, d) for which all but one in 100 000 fit in int8."""
    values = coordinates.abs().flatten()
    outliers = max(1, len(values) // 100_000)
    largest = float(values.topk(outliers).values[-1])
    return max(largest / _LIMIT, 1e-9)


def _unit_blocks(vectors: Tensor, norms: Tensor) -> Iterator[tuple[int, Tensor]]:
    step = max(1, _BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        yield start, unit_vectors(vectors[start : start + step], norms[start : start + step])


def _encode(rows: Tensor, basis: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Return the codes of unit rows (n, D), (n, d), and ‖Bᵀe‖ and ‖e‖, (n, 2), rounded up."""
    coordinates = rows @ basis
    codes = (coordinates / step).round_().clamp_(-_LIMIT, _LIMIT)
    decoded = codes * step
    error = coordinates - decoded @ (basis.T @ basis)
    # ‖e‖² = ‖u‖² − 2 σc·Bᵀu + σc·BᵀBσc, and BᵀBσc = Bᵀu − Bᵀe.
    square = rows.square().sum(1) - (decoded * (coordinates + error)).sum(1)
    rests = torch.stack([error.norm(dim=1), square.clamp(min=0).sqrt()], 1)
    # The error of ‖e‖² is at most 4 D 2⁻⁵³, so the error of ‖e‖ is at most its root.
    return codes.to(torch.int8), (rests + SLACK).float() * (1 + 1e-6)
