"""Match classes by meaning, judged by a person: cosines against margins.

    python benchmarks/alignment.py [--shown 0.8] [--cosines C …] [--margins M …]

Aligns the classes of each dataset with those of each other one, with GloVe 6B in 50 dimensions. For
classes without an equal name, `MEANS` lists the correct matches: classes of the same things, or of
a superset of them. Any other match is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

from _glove import glove
from pluxel.core.contracts.options import MATCH_THRESHOLD
from pluxel.core.embeddings import name_vectors
from pluxel.core.embeddings.class_names import VAGUE, plain_name
from pluxel.core.embeddings.matching import align, best_matches, margins
from pluxel.plugins.datasets.camvid import LABELS as CAMVID
from pluxel.plugins.datasets.voc import LABELS as VOC
from torch import Tensor

CITYSCAPES = """road, sidewalk, building, wall, fence, pole, traffic light, traffic sign,
vegetation, terrain, sky, person, rider, car, truck, bus, train, motorcycle, bicycle"""
NYUD13 = """bed, books, ceiling, chair, floor, furniture, objects, picture, sofa, table, tv, wall,
window"""

DATASETS = {
    "CamVid": [name for name in CAMVID.class_names if name != "ignore"],
    "Cityscapes": [" ".join(name.split()) for name in CITYSCAPES.split(",")],
    "VOC": [name for name in VOC.class_names if plain_name(name) not in {*VAGUE, "ignore"}],
    "NYUDv2, 13 classes": [" ".join(name.split()) for name in NYUD13.split(",")],
}

MEANS = {
    "pavement": {"sidewalk"},
    "sidewalk": {"pavement"},
    "tree": {"vegetation"},
    "vegetation": {"tree"},
    "pottedplant": {"vegetation", "objects"},
    "sign": {"traffic sign"},
    "traffic sign": {"sign"},
    "traffic light": {"sign"},
    "pedestrian": {"person"},
    "person": {"pedestrian"},
    "bicyclist": {"rider", "person", "bicycle"},
    "rider": {"bicyclist", "person"},
    "bicycle": {"bicyclist"},
    "motorcycle": {"motorbike", "bicyclist"},
    "motorbike": {"motorcycle", "bicyclist"},
    "truck": {"car"},
    "bus": {"car"},
    "table": {"diningtable"},
    "diningtable": {"table", "furniture"},
    "chair": {"furniture"},
    "sofa": {"furniture"},
    "tv": {"tvmonitor"},
    "tvmonitor": {"tv", "objects"},
    "bottle": {"objects"},
}
"""Correct matches of a class, if the other dataset has them. The cars of CamVid are all vehicles,
and its bicyclists all riders; a label of a rider with a vehicle may match either."""


class Tally(NamedTuple):
    """Classes with a correct match, with a wrong one, and without a match although one exists."""

    right: list[str]
    wrong: list[str]
    missed: list[str]


def judged(sources: Sequence[str], targets: Sequence[str], found: Sequence[str | None]) -> Tally:
    """Compare the match of each source with `MEANS`; skip equal names."""
    tally = Tally([], [], [])
    equal = {plain_name(name) for name in targets}
    for source, target in zip(sources, found, strict=True):
        if plain_name(source) in equal:
            continue
        correct = MEANS.get(source, set()) & {*targets}
        if target in correct:
            tally.right.append(f"{source} → {target}")
        elif target is not None:
            tally.wrong.append(f"{source} → {target}")
        elif correct:
            tally.missed.append(f"{source} ({', '.join(sorted(correct))})")
    return tally


Vectors = Callable[[Sequence[str]], Tensor]


def by_cosine(
    sources: Sequence[str], targets: Sequence[str], vectors: Vectors, threshold: float
) -> Tally:
    """Count the correct and wrong matches of `align`."""
    found = align(sources, targets, vectors, threshold=threshold)
    return judged(sources, targets, [match.target for match in found])


def by_margin(
    sources: Sequence[str], targets: Sequence[str], vectors: Vectors, threshold: float
) -> Tally:
    """Count the correct and wrong matches by the largest margin that reaches the threshold."""
    scores = margins((vectors(sources) @ vectors(targets).T).double().numpy())
    chosen = best_matches(scores, threshold)
    return judged(sources, targets, [None if j is None else targets[j] for j in chosen])


def main() -> None:
    """Print the matches of each pair of datasets, and totals for several thresholds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--margins", type=float, nargs="+", default=[0.1, 0.15, 0.2, 0.25, 0.3])
    parser.add_argument("--cosines", type=float, nargs="+", default=[0.6, 0.7, 0.8])
    parser.add_argument("--shown", type=float, default=MATCH_THRESHOLD)
    options = parser.parse_args()
    if (words := glove()) is None:
        return

    def vectors(names: Sequence[str]) -> Tensor:
        return name_vectors(names, [words])

    pairs = list(permutations(DATASETS, 2))
    for source, target in pairs:
        tally = by_cosine(DATASETS[source], DATASETS[target], vectors, options.shown)
        right, wrong, missed = (", ".join(each) or "–" for each in tally)
        print(f"| {source} by {target} | {right} | {wrong} | {missed} |")
    rules = [("margin", by_margin, threshold) for threshold in options.margins]
    rules += [("cosine", by_cosine, threshold) for threshold in options.cosines]
    for name, rule, threshold in rules:
        tallies = [rule(DATASETS[a], DATASETS[b], vectors, threshold) for a, b in pairs]
        right, wrong, missed = (sum(map(len, parts)) for parts in zip(*tallies, strict=True))
        print(f"{name} ≥ {threshold}: {right} right, {wrong} wrong, {missed} missed")


if __name__ == "__main__":
    main()
