"""Names of one list for those of another: by equal names, then by names of like meaning.

Vectors of words tell what is talked of together, which is more than what is alike: cosines alone
take a rider for a pole, and every other vehicle for a car. So a pair has to stand out among all
others of its two names (cross-domain similarity local scaling: Conneau et al., ICLR 2018, section
2.3). What is found all the same is for a person to read.
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
"""Names of what is none of the other classes, whatever those are: never matched by meaning."""


_RIVALS = 5
"""Other names, on either side, that a pair has to stand out from."""


_SLIGHT = 1e-9
"""A pair whose margin is the threshold itself is still worth something."""


Vectors = Callable[[Sequence[str]], Tensor]
"""Unit vectors (C, D) of names."""


@dataclass(frozen=True)
class ClassMatch:
    """The class ``source`` is taken for ``target``, or for none, and then ignored.

    ``score``: the margin of the two (`margins`), 1 where their names are equal. ``nearest``: other
    targets and their margins, best first, two at most.
    """

    source: str
    target: str | None = None
    score: float | None = None
    nearest: tuple[tuple[str, float], ...] = ()

    @property
    def by_name(self) -> bool:
        """Tell whether the two have one name, in whatever spelling."""
        return self.target is not None and plain_name(self.source) == plain_name(self.target)


def plain_name(name: str) -> str:
    """Return the letters and digits of a name, small: ``traffic light`` is ``TrafficLight``.

    A name without any stays as it is.
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
    """Return what each source is taken for, in their order.

    Equal names match first, however they are spelled and whatever their vectors. The others match
    where the margin of the two is at least ``threshold``, each with its best target; or,
    ``one_to_one``, so that no target is taken twice. Without ``vectors``, only equal names match.

    Raises: UnknownWordError for names without a vector; those with an equal one need none.
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
    """Return by how much each pair stands out, (n, m) from cosines (n, m); in [-2, 2].

    Its cosine, less the mean of what its two names have with the five others that are nearest to
    them: r of Conneau et al. (2018), equation 2, the pair itself left out, for short lists.
    """
    return cosines - (_rivals(cosines) + _rivals(cosines.T).T) / 2


def _rivals(cosines: np.ndarray) -> np.ndarray:
    """Return, for each entry, the mean of the greatest others of its row; 0 if there are none."""
    count = min(_RIVALS, cosines.shape[1] - 1)
    if count < 1:
        return np.zeros_like(cosines)
    top = -np.sort(-cosines, 1)[:, : count + 1]
    # Of the greatest, one more than counts, an entry leaves itself out, or else the least.
    return (top.sum(1, keepdims=True) - np.maximum(cosines, top[:, count:])) / count


def _vectors_of_names(
    needed: Sequence[str], others: Sequence[str], vectors: Vectors
) -> dict[str, np.ndarray]:
    """Return the vectors of names, those of ``others`` as far as they have any."""
    names = list(dict.fromkeys(needed))
    found = dict(zip(names, vectors(names).double().numpy(), strict=True))
    for name in others:
        with suppress(UnknownWordError):
            found[name] = vectors([name])[0].double().numpy()
    return found


def best_matches(scores: np.ndarray, threshold: float) -> list[int | None]:
    """Return the column of the greatest value of each row (n, m), None where it is too small."""
    best = scores.argmax(1)
    values = scores[np.arange(len(best)), best]
    return [int(j) if v >= threshold else None for j, v in zip(best, values, strict=True)]


def best_pairs(scores: np.ndarray, threshold: float) -> list[int | None]:
    """Return a column of its own for each row (n, m), None for those that get none.

    Of all ways, one whose pairs exceed the threshold by the greatest sum (Kuhn 1955).
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - few need the half second

    gains = np.where(scores >= threshold, scores - threshold + _SLIGHT, 0)
    chosen: list[int | None] = [None] * len(scores)
    for i, j in zip(*linear_sum_assignment(gains, maximize=True), strict=True):
        if scores[i, j] >= threshold:
            chosen[i] = int(j)
    return chosen


def _equal_names(
    sources: Sequence[str], targets: Sequence[str], *, one_to_one: bool
) -> dict[str, str]:
    """Return the target of each source that has one of its name; the spelling decides first."""
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
    """Return what gives the vectors of names; the words are loaded when they are first needed.

    It raises: UnknownWordError with the ways out.
    """
    words = cache(load)

    def vectors(names: Sequence[str]) -> Tensor:
        try:
            return name_vectors(names, words())
        except UnknownWordError as error:
            way_out = "name the class in the map, or give the embedding 'unknown: zero'"
            raise UnknownWordError(error.message, (*error.notes, way_out)) from error

    return vectors
