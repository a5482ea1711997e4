"""Survey the data of a configuration, and make an album of a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from ...common.text import plural
from ...data.alike import Alike, SampleAt
from ...data.check_report import Report, shows_the_same
from ...data.examine import Flaw, Kind
from ..preparation import PreparedData
from .album import Album, AlbumPair, AlbumSample, Thumb
from .survey import MOST_PAIRS, ShownSamples, SplitSurvey

MOST = 5000
"""Samples in an album."""


def browse(prepared: PreparedData, split: str, count: int = MOST) -> Album:
    """Return an album of a split, with the findings of `check_data` on all splits.

    ``split``: a role of the configuration, or a split expression, which is checked alone.
    ``count``: the maximum number of samples; of a larger split, the album has samples that are
    spread evenly, and up to a fifth for their findings. It includes samples that cannot be read.

    A sample's rarity is the sum over its classes of N / n: of the N images of the split whose
    labels can be read, n contain the class. With several heads, their sums are added.

    Raises: ConfigError if the split does not exist or its files are missing.
    """
    survey = SplitSurvey(prepared, split, count)
    return _album(survey, survey.check())


def _album(survey: SplitSurvey, report: Report) -> Album:
    split = survey.split
    pairs = [
        pair for pair in report.pairs() if split in (pair[1].first.split, pair[1].second.split)
    ]
    pairs.sort(key=lambda pair: (pair[0] == "repetition", -pair[1].similarity))
    found = _findings_of_pairs(pairs, split, report)
    survey.keep_some(sorted(found))
    samples = {
        place: _sample(survey, report, place, found[place.index])
        for place in sorted(survey.kept, key=lambda place: place.index)
    }

    def shown(place: SampleAt) -> AlbumSample:
        return samples[place] if place in samples else _sample(survey, report, place, ())

    counts = report.splits[split].classes
    return Album(
        split=split,
        choice=_choice(survey.plan, samples.values()),
        samples=[*samples.values()],
        spaces=survey.spaces,
        images={
            head: {name: one.images for name, one in found.items()}
            for head, found in counts.items()
        },
        findings=[
            (one.kind, one.message)
            for one in report.findings
            if one.split == split and one.sample is None
        ],
        notes=survey.notes,
        pairs=[
            AlbumPair(kind, shown(one.first), shown(one.second), one.similarity, one.mirrored)
            for kind, one in pairs[:MOST_PAIRS]
        ],
        num_pairs=len(pairs),
    )


def _findings_of_pairs(
    pairs: Iterable[tuple[Kind, Alike]], split: str, report: Report
) -> defaultdict[int, list[Flaw]]:
    """Return what pairs say of the samples of a split, by index."""
    found: defaultdict[int, list[Flaw]] = defaultdict(list)
    for kind, one in pairs:
        for place, other in ((one.first, one.second), (one.second, one.first)):
            if place.split == split:
                found[place.index].append(Flaw(kind, shows_the_same(one, other, report)))
    return found


def _sample(
    survey: SplitSurvey, report: Report, place: SampleAt, of_pairs: Sequence[Flaw]
) -> AlbumSample:
    found = survey.sample(place)
    strays = [
        Flaw("stray id", f"{head}: label id {survey.spaces[head].id_text(one)} is not in the map")
        for head, ids in found.stray.items()
        for one in ids
    ]
    return AlbumSample(
        split=place.split,
        index=place.index,
        name=found.name,
        thumb=found.drawn or Thumb(),
        files=[*found.paths.values()],
        size=found.size,
        counts=found.counts,
        findings=[*found.flaws, *strays, *of_pairs],
        rarity=survey.rarity(found.counts, report) if place.split == survey.split else 0.0,
    )


def _choice(plan: ShownSamples, samples: Collection[AlbumSample]) -> str:
    if not plan.slots and len(plan.spread) == plan.total:
        return plural(plan.total, "sample")
    more = len(samples) - len(plan.spread)
    return (
        f"{len(samples):,} of {plan.total:,} samples, {len(plan.spread):,} of them spread evenly, "
        f"and {more:,} more with findings"
    )
