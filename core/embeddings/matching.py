"""Matching of two lists of class names: first by equal names, then by similar meaning.

Word vectors reflect which words occur together, not only which are alike: many a name is near to
every name of a street. Only cosines near 1 are therefore taken for a match. A pair whose cosine is
smaller, or that does not stand out from the other pairs of its two names (cross-domain similarity
local scaling: Conneau et al., ICLR 2018, section 2.3), is doubtful: a person should review it.

A name may list alternatives, separated by commas, semicolons or slashes (``car, auto, automobile``,
as in ADE20K). Each of them counts as a name of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import Tensor

from ..contracts.kinds import Embedding
from ..contracts.options import MATCH_THRESHOLD
from . import UnknownWordError, WordVectors, name_vectors
from .class_names import alternatives, equal_names, is_vague, spellings

_RIVALS = 5
"""Nearest other names, on either side, that a pair must stand out from."""


_SLIGHT = 1e-9
"""Gain of a pair whose cosine equals the threshold, so that it still matches."""

_STANDING_OUT = 0.15
"""Smallest margin of a pair that stands out. With GloVe 6B in 50 dimensions, four of seven such
pairs are correct."""

_AS_NEAR = 0.05
"""Difference of cosines up to which two targets count as equally near."""


Vectors = Callable[[Sequence[str]], Tensor]
"""Unit vectors (C, D) of names."""


@dataclass(frozen=True)
class ClassMatch:
    """The class ``source`` maps to ``target``; without a target, it is ignored.

    ``score``: the cosine of the pair, or 1 if the names are equal. ``margin``: of the pair
    (`margins`), or without a target, of the pair with the nearest one; None if the names are equal
    or have no vectors. ``nearest``: up to two other targets and their cosines, best first.
    """

    source: str
    target: str | None = None
    score: float | None = None
    margin: float | None = None
    nearest: tuple[tuple[str, float], ...] = ()

    @property
    def by_name(self) -> bool:
        """Return whether the names are equal, apart from spelling, or share an alternative."""
        return self.target is not None and not spellings(self.source).isdisjoint(
            spellings(self.target)
        )

    @property
    def is_doubtful(self) -> bool:
        """Return whether a person has to decide about this match, or about the nearest target.

        A match is doubtful if its cosine is below the default threshold, if it does not stand out,
        or if another target is as near. Without a match, the nearest target is doubtful if it
        stands out.
        """
        if self.by_name or self.margin is None:
            return False
        stands_out = self.margin >= _STANDING_OUT
        if self.target is None:
            return stands_out
        score = self.score or 0.0
        has_rival = bool(self.nearest) and self.nearest[0][1] > score - _AS_NEAR
        return not stands_out or has_rival or score < MATCH_THRESHOLD


def align(
    sources: Sequence[str],
    targets: Sequence[str],
    vectors: Vectors | None,
    *,
    threshold: float = MATCH_THRESHOLD,
    one_to_one: bool = False,
) -> list[ClassMatch]:
    """Return the match of each source, in the order of ``sources``.

    Equal names (`plain_name`) match first, then names with an equal alternative, regardless of
    their vectors. Each remaining source matches the target with the largest cosine if that is at
    least ``threshold``. The cosine of two names is the largest of their `alternatives`. With
    ``one_to_one``, no target matches twice. Without ``vectors``, only equal names match.

    Raises: UnknownWordError for unmatched names without a vector.
    """
    found = equal_names(sources, targets, one_to_one=one_to_one)
    taken = set(found.values())
    left = [name for name in sources if name not in found and not is_vague(name)]
    free = [name for name in targets if name not in taken and not is_vague(name)]
    matches = {name: ClassMatch(name, target, 1.0) for name, target in found.items()}
    if vectors is not None and left and (free or taken):
        known = _vectors_of_names([*left, *free], [*found, *taken], vectors)
        rows = [name for name in sources if name in known]
        columns = [name for name in targets if name in known]
        cosines = _cosines([known[n] for n in rows], [known[n] for n in columns])
        offered = free if one_to_one else columns
        places = np.ix_([rows.index(n) for n in left], [columns.index(n) for n in offered])
        scores, outstanding = cosines[places], margins(cosines)[places]
        chosen = (best_pairs if one_to_one else best_matches)(scores, threshold)
        for name, values, margin, j in zip(left, scores, outstanding, chosen, strict=True):
            matches[name] = _explained(name, offered, values, margin, j)
    return [matches.get(name, ClassMatch(name)) for name in sources]


def _cosines(rows: Sequence[np.ndarray], columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the largest cosine of each pair, (n, m), from the unit vectors (A, D) of each name."""
    products = np.concatenate(rows) @ np.concatenate(columns).T
    starts = [np.cumsum([0, *map(len, each[:-1])]) for each in (rows, columns)]
    return np.maximum.reduceat(np.maximum.reduceat(products, starts[0], 0), starts[1], 1)


def margins(cosines: np.ndarray) -> np.ndarray:
    """Return how much each pair stands out, (n, m) in [-2, 2], from cosines (n, m).

    The margin is the cosine of the pair, less the mean cosine of its two names with their five
    nearest others: r of Conneau et al. (2018), equation 2, but without the pair itself, because the
    lists are short.
    """
    return cosines - (_rivals(cosines) + _rivals(cosines.T).T) / 2


def _rivals(cosines: np.ndarray) -> np.ndarray:
    """Return for each entry the mean of the largest other entries of its row, 0 without any."""
    count = min(_RIVALS, cosines.shape[1] - 1)
    if count < 1:
        return np.zeros_like(cosines)
    top = -np.sort(-cosines, 1)[:, : count + 1]
    # Of the count + 1 largest, drop the entry itself, or the smallest if it is not among them.
    return (top.sum(1, keepdims=True) - np.maximum(cosines, top[:, count:])) / count


def _vectors_of_names(
    needed: Sequence[str], others: Sequence[str], vectors: Vectors
) -> dict[str, np.ndarray]:
    """Return the vectors (A, D) of the alternatives of ``needed`` names.

    Also return those of ``others``. Alternatives without a vector are left out.
    """
    found: dict[str, np.ndarray] = {}
    for name in dict.fromkeys([*needed, *others]):
        rows: list[np.ndarray] = []
        for each in alternatives(name):
            with suppress(UnknownWordError):
                rows.append(vectors([each])[0].double().numpy())
        if rows:
            found[name] = np.stack(rows)
    if unknown := [name for name in dict.fromkeys(needed) if name not in found]:
        vectors(unknown)  # raises the error that lists them
    return found


def best_matches(scores: np.ndarray, threshold: float) -> list[int | None]:
    """Return the column of the largest value of each row (n, m), None if below the threshold."""
    best = scores.argmax(1)
    values = scores[np.arange(len(best)), best]
    return [int(j) if v >= threshold else None for j, v in zip(best, values, strict=True)]


def best_pairs(scores: np.ndarray, threshold: float) -> list[int | None]:
    """Return a distinct column for each row (n, m), or None.

    The assignment maximizes the sum by which pairs exceed the threshold (Kuhn 1955).
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - rarely needed, takes half a second

    gains = np.where(scores >= threshold, scores - threshold + _SLIGHT, 0)
    chosen: list[int | None] = [None] * len(scores)
    for i, j in zip(*linear_sum_assignment(gains, maximize=True), strict=True):
        if scores[i, j] >= threshold:
            chosen[i] = int(j)
    return chosen


def _explained(
    source: str, targets: Sequence[str], scores: np.ndarray, margins: np.ndarray, j: int | None
) -> ClassMatch:
    order = [int(i) for i in np.argsort(-scores, kind="stable") if i != j][:2]
    nearest = tuple((targets[i], float(scores[i])) for i in order)
    if j is None:
        margin = float(margins[order[0]]) if order else None
        return ClassMatch(source, margin=margin, nearest=nearest)
    return ClassMatch(source, targets[j], float(scores[j]), float(margins[j]), nearest)


def vectors_of(load: Callable[[], Sequence[Embedding | WordVectors]]) -> Vectors:
    """Return a function from names to their vectors; it loads the words on first use.

    The function raises: UnknownWordError with notes on what to do.
    """
    words = cache(load)

    def vectors(names: Sequence[str]) -> Tensor:
        try:
            return name_vectors(names, words())
        except UnknownWordError as error:
            advice = "map the class by name, or set 'unknown: zero' for the embedding"
            raise UnknownWordError(error.message, (*error.notes, advice)) from error

    return vectors
