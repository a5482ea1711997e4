"""The compact copy of rows: one byte a number, fewer numbers, and what bounds the cosines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError
from ..common.numerics import unit_vectors

SLACK = 1e-5
"""Above every rounding error of what is computed in float64 here: √(4 D 2⁻⁵³) for D < 10⁵."""

_SAMPLE = 1 << 16
_SAMPLED = 1 << 25
"""Rows, and numbers, of which the directions are found, at most."""

_WIDEST = 2048
"""Dimensions beyond which they are not: that takes their square in memory, their cube in time. The
bound holds for any directions; rows so wide are read in full instead."""

_BLOCK = 1 << 20
_LIMIT = 127


@dataclass(frozen=True)
class Compact:
    """A copy of N rows that bounds their cosines from above.

    ``basis``: (D, d) float32, the main directions of the unit rows, after PCA. ``codes``: (N,
    width) int8: d coordinates, two columns of the bound, zeros. ``scales``: (4,) float64, what one
    step of a coordinate and of either column means, and the largest norm of d coordinates.

    The bound. Let u be a row of unit length (or zero), v a query of unit length, B the basis, σ
    the first scale, c the d codes of the row. With e = u − σBc, g = Bᵀv and h = v − Bg,

        u·v = σ c·g + e·v = σ c·g + (Bᵀe)·g + e·h ≤ σ c·g + ‖Bᵀe‖ ‖g‖ + ‖e‖ ‖h‖

    by Cauchy and Schwarz. Nothing is asked of B or c: no rounding, and no outlier that the codes
    cannot hold, makes it wrong. ‖Bᵀe‖ is what the codes lose within the d directions, ‖e‖ in
    effect what lies beyond them; rounded up to steps of their own they are the two columns, so
    that the product of all codes with

        z = (σ g, σ₁ ‖g‖, σ₂ ‖h‖, 0 …)

    is the bound itself. A query in int8, z ≈ τ y, y rounded up in the two columns (their codes are
    not negative), adds by the same inequality max‖c‖ · ‖(z − τ y) of the d coordinates‖.
    """

    basis: Tensor
    codes: Tensor
    scales: Tensor

    def __post_init__(self) -> None:
        columns = self.basis.shape[1] + 2
        if self.codes.ndim != 2 or self.codes.shape[1] < columns or self.scales.shape != (4,):
            raise PluxelError(
                f"codes {tuple(self.codes.shape)} and {len(self.scales)} scales do not make a "
                f"compact copy with {columns - 2} directions"
            )

    @classmethod
    def build(cls, vectors: Tensor, norms: Tensor, *, width: int | None = None) -> Compact:
        """Return the copy of rows (N, D) with their norms (N,) float64.

        Memory is bounded beside the result, and the result depends on the rows alone. ``width``:
        columns of the codes, at least 3; by default all directions up to 62, of more those that
        hold nearly all of the rows' energy, up to 126.

        Raises: PluxelError for no rows, or a smaller width.
        """
        if not vectors.numel() or (width is not None and width < 3):
            raise PluxelError(f"no compact copy of width {width} for rows {tuple(vectors.shape)}")
        sample = _sample(vectors, norms)
        basis = _basis(sample, width)
        width = width or -(-(basis.shape[1] + 2) // 4) * 4
        step = _step(sample @ basis.double())
        codes = torch.zeros(len(vectors), width, dtype=torch.int8)
        rests = torch.empty(len(vectors), 2)
        largest = 0.0
        for start, rows in _unit_blocks(vectors, norms):
            part = slice(start, start + len(rows))
            found, rests[part] = _encode(rows, basis.double(), step)
            codes[part, : basis.shape[1]] = found
            largest = max(largest, float(found.double().norm(dim=1).max()))
        steps = rests.amax(0).double() / _LIMIT
        columns = slice(basis.shape[1], basis.shape[1] + 2)
        for start in range(0, len(codes), _BLOCK):
            part = slice(start, start + _BLOCK)
            codes[part, columns] = (rests[part] / steps).ceil().clamp(max=_LIMIT).to(torch.int8)
        # Rounding may have made the largest of a column a little more than its last step.
        scales = torch.tensor([step, *(steps * (1 + 1e-6)).tolist(), largest], dtype=torch.float64)
        return cls(basis, codes, scales)

    def arrays(self) -> dict[str, Tensor]:
        """Return everything, by name."""
        return {"basis": self.basis, "codes": self.codes, "scales": self.scales}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor]) -> Compact:
        """Return the copy that ``arrays`` came from."""
        return cls(**{name: arrays[name] for name in ("basis", "codes", "scales")})

    @cached_property
    def largest(self) -> float:
        """Return the largest norm of d coordinates of the codes."""
        return float(self.scales[3])

    @cached_property
    def _factors(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Return σ B, Bᵀ / σ, σ₁ / σ and σ₂."""
        basis = self.basis.double().numpy()
        step, inside, beyond, _ = self.scales.tolist()
        return basis * step, np.ascontiguousarray(basis.T / step), inside / step, beyond

    def weights(self, queries: np.ndarray) -> np.ndarray:
        """Return z of queries (…, D) of unit length, (…, width) float64.

        ``codes @ z + SLACK`` is never below the cosine.
        """
        basis, inverse, inside, beyond = self._factors
        size = len(inverse)
        weights = np.zeros((*queries.shape[:-1], self.codes.shape[1]))
        held = queries @ basis
        rest = queries - held @ inverse
        weights[..., :size] = held
        weights[..., size] = inside * np.sqrt((held * held).sum(-1))
        weights[..., size + 1] = beyond * np.sqrt((rest * rest).sum(-1))
        return weights


def _sample(vectors: Tensor, norms: Tensor) -> Tensor:
    """Return unit rows in equal distances, float64."""
    most = min(_SAMPLE, max(1, _SAMPLED // vectors.shape[1]))
    every = -(-len(vectors) // most)
    return unit_vectors(vectors[::every], norms[::every])


def _basis(sample: Tensor, width: int | None) -> Tensor:
    """Return the main directions of unit rows (n, D), (D, d) float32."""
    dim = sample.shape[1]
    if dim > _WIDEST:
        return torch.eye(dim, min(dim, (width or 4) - 2))
    energy, directions = torch.linalg.eigh(sample.T @ sample)
    energy, directions = energy.flip(0), directions.flip(1)
    return directions[:, : (width or _width(energy)) - 2].float().contiguous()


def _width(energy: Tensor) -> int:
    """Choose the columns for directions with this energy, in descending order, (D,)."""
    if len(energy) <= 62:
        return -(-(len(energy) + 2) // 4) * 4
    shares = energy.cumsum(0) / energy.sum().clamp(min=1e-300)
    return next((width for width in (64, 96) if shares[width - 3] > 0.8), 128)


def _step(coordinates: Tensor) -> float:
    """Return the step of coordinates (n, d): all but the largest few in a million fit."""
    values = coordinates.abs().flatten()
    beyond = max(1, len(values) // 100_000)
    largest = float(values.topk(beyond).values[-1])
    return max(largest / _LIMIT, 1e-9)


def _unit_blocks(vectors: Tensor, norms: Tensor) -> Iterator[tuple[int, Tensor]]:
    step = max(1, _BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        yield start, unit_vectors(vectors[start : start + step], norms[start : start + step])


def _encode(rows: Tensor, basis: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Return the codes of unit rows (n, D), (n, d), and ‖Bᵀe‖ and ‖e‖, (n, 2), rounded up."""
    coordinates = rows @ basis
    codes = (coordinates / step).round_().clamp_(-_LIMIT, _LIMIT)
    held = codes * step
    lost = coordinates - held @ (basis.T @ basis)
    # ‖e‖² = ‖u‖² − 2 σc·Bᵀu + σc·BᵀBσc, and BᵀBσc = Bᵀu − Bᵀe.
    square = rows.square().sum(1) - (held * (coordinates + lost)).sum(1)
    rests = torch.stack([lost.norm(dim=1), square.clamp(min=0).sqrt()], 1)
    # The square of ‖e‖ may be wrong by 4 D 2⁻⁵³, ‖e‖ itself then by the root of that.
    return codes.to(torch.int8), (rests + SLACK).float() * (1 + 1e-6)
