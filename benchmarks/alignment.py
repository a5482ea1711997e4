"""Classes matched by meaning, judged by a person: margins against cosines.

    python benchmarks/alignment.py [--shown 0.15] [--thresholds T …] [--cosines C …]

Classes of street scenes and rooms, each dataset by another one, GloVe 6B in 50 dimensions. Of the
classes that have no equal name, `MEANS` says which may be taken for which: those that are the same
things, or whose things are among the others. A match that it does not list is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

from _glove import glove
from pluxel.core.embeddings import name_vectors
from pluxel.core.embeddings.matching import VAGUE, align, best_of_each, plain_name
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
"""What a class may be taken for, if the other dataset has it: CamVid's cars are all vehicles, its
bicyclists all that ride; a label that covers a rider and what is ridden may be taken for either."""


class Tally(NamedTuple):
    """Classes matched rightly, wrongly, and not at all though there was something."""

    right: list[str]
    wrong: list[str]
    missed: list[str]


def judged(sources: Sequence[str], targets: Sequence[str], found: Sequence[str | None]) -> Tally:
    """Compare what was found for each source with `MEANS`; equal names are not counted."""
    tally = Tally([], [], [])
    equal = {plain_name(name) for name in targets}
    for source, target in zip(sources, found, strict=True):
        if plain_name(source) in equal:
            continue
        wanted = MEANS.get(source, set()) & {*targets}
        if target in wanted:
            tally.right.append(f"{source} → {target}")
        elif target is not None:
            tally.wrong.append(f"{source} → {target}")
        elif wanted:
            tally.missed.append(f"{source} ({', '.join(sorted(wanted))})")
    return tally


Vectors = Callable[[Sequence[str]], Tensor]


def by_margin(
    sources: Sequence[str], targets: Sequence[str], vectors: Vectors, threshold: float
) -> Tally:
    """Judge the targets that `align` finds."""
    found = align(sources, targets, vectors, threshold=threshold)
    return judged(sources, targets, [match.target for match in found])


def by_cosine(
    sources: Sequence[str], targets: Sequence[str], vectors: Vectors, threshold: float
) -> Tally:
    """Judge the targets of the greatest cosine, where that reaches the threshold."""
    cosines = (vectors(sources) @ vectors(targets).T).double().numpy()
    chosen = best_of_each(cosines, threshold)
    return judged(sources, targets, [None if j is None else targets[j] for j in chosen])


def main() -> None:
    """Print what was found for each pair of datasets, and the sums for several thresholds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.1, 0.15, 0.2, 0.25])
    parser.add_argument("--cosines", type=float, nargs="+", default=[0.6, 0.7, 0.8])
    parser.add_argument("--shown", type=float, default=0.15)
    options = parser.parse_args()
    if (words := glove()) is None:
        return

    def vectors(names: Sequence[str]) -> Tensor:
        return name_vectors(names, [words])

    pairs = list(permutations(DATASETS, 2))
    for one, other in pairs:
        tally = by_margin(DATASETS[one], DATASETS[other], vectors, options.shown)
        right, wrong, missed = (", ".join(each) or "–" for each in tally)
        print(f"| {one} by {other} | {right} | {wrong} | {missed} |")
    rules = [("margin", by_margin, least) for least in options.thresholds]
    rules += [("cosine", by_cosine, least) for least in options.cosines]
    for name, rule, least in rules:
        tallies = [rule(DATASETS[one], DATASETS[other], vectors, least) for one, other in pairs]
        right, wrong, missed = (sum(map(len, parts)) for parts in zip(*tallies, strict=True))
        print(f"{name} ≥ {least}: {right} right, {wrong} wrong, {missed} missed")


if __name__ == "__main__":
    main()
