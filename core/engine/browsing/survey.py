"""Read all samples once, and keep what an album needs of one split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ...contracts.kinds import Dataset
from ...contracts.labels import IGNORE
from ...contracts.offers import input_specs
from ...data.alike import SampleAt
from ...data.check_report import Report
from ...data.examine import Draw, Examined, Examiner
from ..data_check import check_prepared
from ..preparation import PreparedData, open_role
from .painter import ThumbPainter, is_flawed

MOST_FLAWED = 1000
"""Samples that an album of a part of a split shows for their findings."""

MOST_PAIRS = 200

PICTURES = 30 * 2**20
"""Bytes of all pictures. As text they are a third longer, so that a page has at most 64 MiB."""

_LARGE, _SMALL, _FEW = 192, 112, 1400
"""Pixels of the longer side of thumbnails, of few samples and of many."""

_LARGEST = 40 * 2**10
"""Bytes of the pictures of a sample."""


@dataclass(frozen=True)
class ShownSamples:
    """Which samples of a split an album shows: those spread evenly, and some with findings."""

    total: int
    spread: frozenset[int]
    slots: int

    @classmethod
    def of(cls, total: int, count: int) -> ShownSamples:
        """Return the plan for at most ``count`` of ``total`` samples."""
        slots = min(MOST_FLAWED, count // 5) if total > count else 0
        even = np.linspace(0, total - 1, min(total, count) - slots).round().astype(int)
        return cls(total, frozenset(even.tolist()), slots)

    @property
    def shown(self) -> int:
        """The most pictures that the page needs."""
        return len(self.spread) + self.slots + 2 * MOST_PAIRS


class SplitSurvey:
    """Reads the samples of all splits once, and keeps what an album needs of one split."""

    def __init__(self, prepared: PreparedData, split: str, count: int) -> None:
        self.split = split
        self.splits, self.notes = _opened(prepared, split)
        self.plan = ShownSamples.of(len(self.splits[split]), count)
        self.prepared = prepared
        self.spaces = prepared.blueprint.label_spaces()
        self.kept: dict[SampleAt, Examined] = {}
        self.labeled = dict.fromkeys(self.spaces, 0)
        """Head -> samples of the split whose labels can be read."""
        self._slots = self.plan.slots

    def check(self) -> Report:
        """Read all samples, and return what is wrong with them."""
        draw = {self.split: self._painter(self.split, self.plan.spread)}
        return check_prepared(self.prepared, self.splits, draw=draw, watch=self._watch)

    def _watch(self, split: str, found: Examined) -> None:
        if split != self.split:
            return
        for head in found.counts:
            self.labeled[head] += 1
        if found.index in self.plan.spread or (is_flawed(found) and self._take_slot()):
            self.kept[SampleAt(split, found.index)] = found

    def _take_slot(self) -> bool:
        """Take one of the slots for samples with findings; return whether one was left."""
        self._slots -= 1
        return self._slots >= 0

    def _painter(self, split: str, chosen: frozenset[int] | None = None) -> ThumbPainter:
        return ThumbPainter(
            shown=self._examiner(split).shown,
            specs=input_specs(self.splits[split]),
            spaces=self.spaces,
            side=_LARGE if self.plan.shown <= _FEW else _SMALL,
            limit=min(_LARGEST, PICTURES // self.plan.shown),
            chosen=chosen,
        )

    def sample(self, place: SampleAt) -> Examined:
        """Return a sample with its pictures; one that was not kept is read again."""
        if place in self.kept:
            return self.kept[place]
        return self._examiner(place.split, self._painter(place.split))[place.index]

    def _examiner(self, split: str, draw: Draw | None = None) -> Examiner:
        prepared = self.prepared
        names, sources = prepared.input_names, prepared.blueprint.targets
        return Examiner(self.splits[split], self.spaces, names, sources, draw)

    def keep_some(self, indices: Iterable[int]) -> None:
        """Keep samples that were found later, while there is a slot for them."""
        for index in indices:
            place = SampleAt(self.split, index)
            if place not in self.kept and self._take_slot():
                self.kept[place] = self.sample(place)

    def rarity(self, counts: Mapping[str, Mapping[str, int]], report: Report) -> float:
        """Return the rarity of a sample by its pixels of each class; see `browse`."""
        images = report.splits[self.split].classes
        return sum(
            self.labeled[head] / images[head][name].images
            for head, found in counts.items()
            for name in found
            if name != IGNORE
        )


def _opened(prepared: PreparedData, split: str) -> tuple[dict[str, Dataset], list[str]]:
    """Return the splits to read, and notes on those that are left out."""
    roles = prepared.config.pipeline.splits
    if split not in roles:
        alone = f"Only {split} was read. Samples that other splits share with it are not listed."
        return {split: open_role(prepared.config, split)}, [alone]
    left_out = [role for role in roles if role != split and roles[role] in prepared.missing]
    text = "The files of split {} are missing. Samples that it shares with {} are not listed."
    found = {role: prepared.dataset(role) for role in roles if role not in left_out}
    return found, [text.format(role, split) for role in left_out]
