"""Find problems of a dataset before training: ``pluxel data check``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..common.logs import images_counted
from ..common.progress import busy
from ..common.text import extent, plural
from ..contracts.kinds import Dataset
from ..contracts.label_doubts import doubts
from ..contracts.labels import IGNORE, LabelSpace
from ..contracts.offers import offers, unpaired_files
from ..contracts.optional import ChoosesLabels
from .alike import Alike, SampleAt, Sketch, alike_samples
from .check_report import ClassCount, Finding, Report, SplitReport, kind_of, shows_the_same
from .examine import Draw, Examined, Examiner, Kind
from .groups import group_of
from .loading import examined
from .splits import Joined, Subset

_SHOWN = 20
"""Maximum stray ids to list; masks of colors or instances have thousands."""


@images_counted()
def check_data(
    splits: Mapping[str, Dataset],
    label_spaces: Mapping[str, LabelSpace],
    *,
    inputs: Collection[str] | None = None,
    sources: Mapping[str, str] | None = None,
    workers: int = 0,
    progress: Callable[[], object] = lambda: None,
    draw: Mapping[str, Draw] | None = None,
    watch: Callable[[str, Examined], object] = lambda _split, _found: None,
) -> Report:
    """Read every sample of every split once.

    ``label_spaces``: by head; ``sources``: head -> label map of the dataset, by default the one
    with the name of the head. ``inputs``: those that the model reads, by default all. ``progress``
    is called after each sample. An endless split is read for one epoch. ``workers``: processes
    that read. ``draw``: split -> what draws its samples. ``watch`` is called with each sample.

    Raises: DataError if a dataset cannot be sent to worker processes.
    """
    report = Report()
    first = next(iter(splits), "")
    report.findings += [Finding("note", first, text) for text in doubts(label_spaces)]
    seen = _Seen(report)
    alone: set[Path] = set()
    for split, dataset in splits.items():
        for path in dict.fromkeys(unpaired_files(dataset)):
            if path not in alone:  # splits may share a folder
                alone.add(path)
                report.findings.append(Finding("unpaired", split, f"{path}: has no counterpart"))
        examiner = Examiner(dataset, label_spaces, inputs, sources, (draw or {}).get(split))
        summary = _SplitSum(split, examiner)
        for found in examined(examiner, workers=workers):
            summary.add(found)
            summary.findings += seen.add(split, found, group_of(dataset, found.index))
            report.names.setdefault(split, []).append(found.place)
            watch(split, found)
            progress()
        report.splits[split] = summary.report
        report.findings += summary.conclude()
        for head, stray in summary.stray.items():
            texts = [label_spaces[head].id_text(one) for one in sorted(stray)]
            report.stray[head] = list(dict.fromkeys([*report.stray.get(head, ()), *texts]))
    with busy("comparing images"):
        alike = alike_samples(seen.sketches, seen.are_twins, seen.are_grouped)
    in_groups: dict[str, set[int]] = {}
    for one in alike:
        second = one.second
        if seen.are_grouped(one.first, second):
            in_groups.setdefault(second.split, set()).update((one.first.index, second.index))
            continue
        report.alike.append(one)
        text = f"{report.name(second)}: {shows_the_same(one, one.first, report)}"
        report.findings.append(Finding(kind_of(one), second.split, text, second.index))
    for split, samples in in_groups.items():
        text = f"{len(samples)} samples show the same as others of their group, such as one video"
        report.findings.append(Finding("repetition", split, text))
    return report


class _Seen:
    """What is kept of each sample, to compare it with others."""

    def __init__(self, report: Report) -> None:
        self.sketches: dict[str, list[Sketch | None]] = {}
        self._report = report
        self._digests: dict[str, list[bytes | None]] = {}
        self._groups: dict[str, list[str]] = {}
        self._first: dict[bytes, SampleAt] = {}

    def add(self, split: str, found: Examined, group: str) -> list[Finding]:
        """Keep a sample; return a finding if an earlier split has an image of equal content."""
        self.sketches.setdefault(split, []).append(found.sketch)
        self._digests.setdefault(split, []).append(found.digest)
        self._groups.setdefault(split, []).append(group)
        if found.digest is None:
            return []
        place = SampleAt(split, found.index)
        first = self._first.setdefault(found.digest, place)
        if first.split == split:
            return []
        self._report.twins.append(Alike(first, place, 1.0))
        text = f"{found.image}: is also in split {first.split}, as {self._report.name(first)}"
        return [Finding("duplicate", split, text, found.index)]

    def are_twins(self, first: SampleAt, second: SampleAt) -> bool:
        """Return whether the files of two samples are equal."""
        digest = self._digests[first.split][first.index]
        return digest is not None and digest == self._digests[second.split][second.index]

    def are_grouped(self, first: SampleAt, second: SampleAt) -> bool:
        """Return whether two samples are of one split, and of one group that the dataset names."""
        one, other = (self._groups[place.split][place.index] for place in (first, second))
        return first.split == second.split and bool(one) and one == other


class _SplitSum:
    """Sums up the samples of one split."""

    def __init__(self, split: str, examiner: Examiner) -> None:
        self.split = split
        self.dataset = examiner.dataset
        self.spaces = examiner.spaces
        self.sources = examiner.sources
        self.unlabeled = examiner.unlabeled
        self.report = SplitReport(len(examiner))
        for head in self.sources:
            names = (*self.spaces[head].class_names, IGNORE)
            self.report.classes[head] = {name: ClassCount() for name in names}
        self.findings: list[Finding] = []
        self.turned: list[str] = []  # samples whose files have different orientations
        self.transparent: list[str] = []  # masks with transparent pixels
        # By head and id: the first file with the id, and the number of files.
        self.stray: dict[str, dict[int, tuple[str, int]]] = {head: {} for head in self.sources}

    def add(self, found: Examined) -> None:
        """Count what a sample holds."""
        for kind, message in found.flaws:
            if kind == "orientation":
                self.turned.append(message)
            elif kind == "transparent":
                self.transparent.append(message)
            else:
                self.findings.append(Finding(kind, self.split, message, found.index))
        if found.size is not None:
            text = extent(found.size)
            self.report.sizes[text] = self.report.sizes.get(text, 0) + 1
        for head, counts in found.counts.items():
            for name, pixels in counts.items():
                self.report.classes[head][name].pixels += pixels
                self.report.classes[head][name].images += 1
        for head, ids in found.stray.items():
            where = found.paths.get(self.sources[head], found.name)
            for one in ids:
                first, files = self.stray[head].get(one, (where, 0))
                self.stray[head][one] = first, files + 1

    def _find(self, kind: Kind, message: str) -> None:
        self.findings.append(Finding(kind, self.split, message))

    def conclude(self) -> list[Finding]:
        """Return all findings, including those about the split as a whole."""
        for name in self.unlabeled:
            self._find("no labels", f"has no labels '{name}', so only its images were checked")
        if self.turned:
            self._find("orientation", f"{plural(len(self.turned), 'sample')}: {self.turned[0]}")
        if self.transparent:
            self._find(
                "transparent",
                f"{plural(len(self.transparent), 'mask')} with transparent pixels, which are "
                f"ignored; the first is {self.transparent[0]}. If these pixels are a class, save "
                "the masks without transparency",
            )
        for head, stray in self.stray.items():
            for one, (first, files) in sorted(stray.items())[:_SHOWN]:
                more = f" and {files - 1} more files" if files > 1 else ""
                text = self.spaces[head].id_text(one)
                self._find("stray id", f"{first}{more}: label id {text} is not in the label map")
            if len(stray) > _SHOWN:
                text = f"{head}: {len(stray)} ids are not in the label map; are these class masks?"
                self._find("stray id", text)
        for head, counts in self.report.classes.items():
            for name, count in counts.items():
                if not count.pixels and name != IGNORE:
                    # A class absent from train cannot be learned; elsewhere it only lacks a score.
                    # In a published dataset it is no mistake: the files may be a part of it.
                    is_mistake = self.split == "train" and not _has_fixed_classes(self.dataset)
                    kind = "empty class" if is_mistake else "note"
                    self._find(kind, f"{head}: class '{name}' occurs in no image")
        return self.findings


def _has_fixed_classes(dataset: Dataset) -> bool:
    """Return whether the class of a dataset declares its labels, as published datasets do."""
    while isinstance(dataset, Subset | Joined):
        dataset = dataset.dataset
    return isinstance(getattr(type(dataset), "labels", None), Mapping) or offers(
        dataset, ChoosesLabels
    )
