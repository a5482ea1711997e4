"""Find problems of a dataset before training: ``pluxel data check``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..common.logs import images_counted
from ..common.progress import busy
from ..common.text import extent, plural
from ..contracts.kinds import Dataset
from ..contracts.label_doubts import doubts
from ..contracts.labels import IGNORE, LabelSpace
from ..contracts.offers import offers, unpaired_files
from ..contracts.optional import ChoosesLabels
from .alike import Alike, SampleAt, Sketch, alike_samples
from .examine import Draw, Examined, Examiner, Kind
from .loading import examined
from .splits import Joined, Subset

_SHOWN = 20
"""Maximum stray ids to list; masks of colors or instances have thousands."""

HARMLESS = ("note", "repetition")
"""Kinds of findings that are not problems."""


@dataclass(frozen=True)
class Finding:
    """One finding; those of the kinds `HARMLESS` are not problems.

    ``sample``: the index of the sample; None for several or for the split as a whole.
    """

    kind: Kind
    split: str
    message: str
    sample: int | None = None


@dataclass
class ClassCount:
    """Number of pixels of a class in a split, and of images that contain it."""

    pixels: int = 0
    images: int = 0


@dataclass
class SplitReport:
    """Statistics of a split.

    ``sizes``: "HEIGHT×WIDTH" -> images. ``classes``: head -> class -> counts; ignored pixels
    count as the class ``ignore``.
    """

    samples: int
    sizes: dict[str, int] = field(default_factory=dict)
    classes: dict[str, dict[str, ClassCount]] = field(default_factory=dict)


@dataclass
class Report:
    """The result of `check_data`.

    ``stray``: head -> raw ids that are not in the label map. ``twins``: samples whose files are
    equal, in two splits. ``alike``: samples that show the same, in two splits or in one. ``names``:
    split -> the file of each sample, or its name.
    """

    splits: dict[str, SplitReport] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    stray: dict[str, list[str]] = field(default_factory=dict)
    twins: list[Alike] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Finding]:
        """All findings except harmless ones."""
        return [finding for finding in self.findings if finding.kind not in HARMLESS]

    def name(self, place: SampleAt) -> str:
        """Return the file of a sample, or its name."""
        return self.names[place.split][place.index]

    def pairs(self) -> list[tuple[Kind, Alike]]:
        """Return all samples that are alike, with the kind of their finding."""
        return [
            *(("duplicate", one) for one in self.twins),
            *((_kind_of(one), one) for one in self.alike),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
            "problems": len(self.problems),
            "add_to_labels": {
                head: dict.fromkeys(ids, IGNORE) for head, ids in self.stray.items() if ids
            },
            "alike": [
                {
                    "samples": [asdict(one.first), asdict(one.second)],
                    "similarity": one.similarity,
                    "mirrored": one.mirrored,
                }
                for _, one in self.pairs()
            ],
        }


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
            summary.findings += seen.add(split, found)
            report.names.setdefault(split, []).append(found.place)
            watch(split, found)
            progress()
        report.splits[split] = summary.report
        report.findings += summary.conclude()
        for head, stray in summary.stray.items():
            texts = [label_spaces[head].id_text(one) for one in sorted(stray)]
            report.stray[head] = list(dict.fromkeys([*report.stray.get(head, ()), *texts]))
    with busy("comparing images"):
        report.alike = alike_samples(seen.sketches, seen.are_twins)
    for one in report.alike:
        second = one.second
        text = f"{report.name(second)}: {shows_the_same(one, one.first, report)}"
        report.findings.append(Finding(_kind_of(one), second.split, text, second.index))
    return report


def shows_the_same(alike: Alike, other: SampleAt, report: Report) -> str:
    """Return what a finding says of a sample that is like another one."""
    mirrored = ", mirrored" * alike.mirrored
    return (
        f"shows the same as {report.name(other)} of split {other.split} "
        f"(similarity {alike.similarity:.2f}{mirrored})"
    )


def _kind_of(alike: Alike) -> Kind:
    return "repetition" if alike.first.split == alike.second.split else "near duplicate"


class _Seen:
    """What is kept of each sample, to compare it with others."""

    def __init__(self, report: Report) -> None:
        self.sketches: dict[str, list[Sketch | None]] = {}
        self._report = report
        self._digests: dict[str, list[bytes | None]] = {}
        self._first: dict[bytes, SampleAt] = {}

    def add(self, split: str, found: Examined) -> list[Finding]:
        """Keep a sample; return a finding if an earlier split has an image of equal content."""
        self.sketches.setdefault(split, []).append(found.sketch)
        self._digests.setdefault(split, []).append(found.digest)
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
