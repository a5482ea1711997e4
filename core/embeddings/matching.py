"""Matching of two lists of class names: first by equal names, then by similar meaning.

Word vectors reflect which words occur together, not only which are alike: by cosine alone, a rider
matches a pole, and every other vehicle matches a car. So a pair must stand out from all other pairs
of its two names (cross-domain similarity local scaling: Conneau et al., ICLR 2018, section 2.3). A
person should still review the matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import Tensor

from ..contracts.kinds import Embedding
from ..contracts.options import MATCH_THRESHOLD
from . import UnknownWordError, WordVectors, name_vectors

VAGUE = frozenset(
    ("background", "misc", "miscellaneous", "other", "others", "unknown", "unlabeled", "unlabelled")
)
"""Catch-all names, whose meaning depends on the other classes: never matched by meaning."""


_RIVALS = 5
"""Nearest other names, on either side, that a pair must stand out from."""


_SLIGHT = 1e-9
"""Gain of a pair whose margin equals the threshold, so that it still matches."""


Vectors = Callable[[Sequence[str]], Tensor]
"""Unit vectors (C, D) of names."""


@dataclass(frozen=True)
class ClassMatch:
    """The class ``source`` maps to ``target``; without a target, it is ignored.

    ``score``: the margin of the pair (`margins`), or 1 if the names are equal. ``nearest``: up to
    two other targets and their margins, best first.
    """

    source: str
    target: str | None = None
    score: float | None = None
    nearest: tuple[tuple[str, float], ...] = ()

    @property
    def by_name(self) -> bool:
        """Return whether the names are equal, apart from spelling (`plain_name`)."""
        return self.target is not None and plain_name(self.source) == plain_name(self.target)


def plain_name(name: str) -> str:
    """Return the letters and digits of a name in lowercase: ``TrafficLight``, ``traffic light``.

    Both become ``trafficlight``. A name without letters and digits is returned unchanged.
    """
    return "".join(re.findall(r"[^\W_]+", name.casefold())) or name


def align(
    sources: Sequence[str],
    targets: Sequence[str],
    vectors: Vectors | None,
    *,
    threshold: float = MATCH_THRESHOLD,
    one_to_one: bool = False,
) -> list[ClassMatch]:
    """Return the match of each source, in the order of ``sources``.

    Equal names (`plain_name`) match first, regardless of their vectors. Each remaining source
    matches its best target if their margin is at least ``threshold``. With ``one_to_one``, no
    target matches twice. Without ``vectors``, only equal names match.

    Raises: UnknownWordError for unmatched names without a vector.
    """
    found = _equal_names(sources, targets, one_to_one=one_to_one)
    taken = set(found.values())
    left = [name for name in sources if name not in found and plain_name(name) not in VAGUE]
    free = [name for name in targets if name not in taken and plain_name(name) not in VAGUE]
    matches = {name: ClassMatch(name, target, 1.0) for name, target in found.items()}
    if vectors is not None and left and (free or taken):
        row = _vectors_of_names([*left, *free], [*found, *taken], vectors)
        rows = [name for name in sources if name in row]
        columns = [name for name in targets if name in row]
        scores = margins(np.stack([row[n] for n in rows]) @ np.stack([row[n] for n in columns]).T)
        offered = free if one_to_one else columns
        scores = scores[[rows.index(n) for n in left]][:, [columns.index(n) for n in offered]]
        chosen = (best_pairs if one_to_one else best_matches)(scores, threshold)
        for name, values, j in zip(left, scores, chosen, strict=True):
            matches[name] = _explained(name, offered, values, j)
    return [matches.get(name, ClassMatch(name)) for name in sources]


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
    """Return the vectors of ``needed`` names, and of ``others`` that have one."""
    names = list(dict.fromkeys(needed))
    found = dict(zip(names, vectors(names).double().numpy(), strict=True))
    for name in others:
        with suppress(UnknownWordError):
            found[name] = vectors([name])[0].double().numpy()
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


def _equal_names(
    sources: Sequence[str], targets: Sequence[str], *, one_to_one: bool
) -> dict[str, str]:
    """Return the target of each source with an equal name; identical spellings match first."""
    found = {name: name for name in sources if name in targets}
    spellings: dict[str, str] = {}
    for target in targets:
        if not (one_to_one and target in found):
            spellings.setdefault(plain_name(target), target)
    for source in sources:
        if source not in found and (target := spellings.get(plain_name(source))) is not None:
            found[source] = target
            if one_to_one:
                del spellings[plain_name(source)]
    return found


def _explained(
    source: str, targets: Sequence[str], scores: np.ndarray, j: int | None
) -> ClassMatch:
    order = [int(i) for i in np.argsort(-scores, kind="stable") if i != j][:2]
    nearest = tuple((targets[i], float(scores[i])) for i in order)
    if j is None:
        return ClassMatch(source, nearest=nearest)
    return ClassMatch(source, targets[j], float(scores[j]), nearest)


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
