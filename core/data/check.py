"""Find problems of a dataset before training: ``pluxel data check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from ...registry import PluxelError, reason_of
from ..common.logs import images_counted
from ..common.text import plural
from ..contracts.kinds import Dataset, Sample
from ..contracts.label_doubts import doubts
from ..contracts.labels import IGNORE, LabelSpace
from ..contracts.offers import offers, unpaired_files
from ..contracts.optional import ChoosesLabels
from .masks import has_transparency
from .missing import missing_pixels, union
from .orientation import orientation_conflict
from .raw import raw_input, raw_labels, read_sample
from .splits import Joined, Subset, class_name

Kind = Literal[
    "unpaired",
    "unreadable",
    "size mismatch",
    "orientation",
    "transparent",
    "stray id",
    "empty class",
    "duplicate",
    "note",
]

T = TypeVar("T")

_SHOWN = 20
"""Maximum stray ids to list; masks of colors or instances have thousands."""


@dataclass(frozen=True)
class Finding:
    """One finding; a ``note`` is not a problem."""

    kind: Kind
    split: str
    message: str


@dataclass
class ClassCount:
    """Number of pixels of a class in a split, and of images that contain it."""

    pixels: int = 0
    images: int = 0


@dataclass
class SplitReport:
    """Statistics of a split.

    ``sizes``: "width×height" -> images. ``classes``: head -> class -> counts; ignored pixels
    count as the class ``ignore``.
    """

    samples: int
    sizes: dict[str, int] = field(default_factory=dict)
    classes: dict[str, dict[str, ClassCount]] = field(default_factory=dict)


@dataclass
class Report:
    """The result of `check_data`; ``stray``: head -> raw ids that are not in the label map."""

    splits: dict[str, SplitReport] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    stray: dict[str, list[str]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Finding]:
        """All findings except notes."""
        return [finding for finding in self.findings if finding.kind != "note"]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
            "problems": len(self.problems),
            "add_to_labels": {
                head: dict.fromkeys(ids, IGNORE) for head, ids in self.stray.items() if ids
            },
        }


@images_counted()
def check_data(
    splits: Mapping[str, Dataset],
    label_spaces: Mapping[str, LabelSpace],
    *,
    inputs: Collection[str] | None = None,
    sources: Mapping[str, str] | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Report:
    """Read every sample of every split once.

    ``label_spaces``: by head; ``sources``: head -> label map of the dataset, by default the one
    with the name of the head. ``inputs``: those that the model reads, by default all. ``progress``
    is called after each sample. An endless split is read for one epoch.
    """
    report = Report()
    first = next(iter(splits), "")
    report.findings += [Finding("note", first, text) for text in doubts(label_spaces)]
    seen: dict[bytes, tuple[str, str]] = {}
    alone: set[Path] = set()
    for split, dataset in splits.items():
        reader = _SplitReader(split, dataset, label_spaces, inputs, sources or {}, seen)
        for path in dict.fromkeys(unpaired_files(dataset)):
            if path not in alone:  # splits may share a folder
                alone.add(path)
                report.findings.append(Finding("unpaired", split, f"{path}: has no counterpart"))
        for index in range(len(dataset)):
            reader.read(index)
            progress()
        report.splits[split] = reader.report
        report.findings += reader.conclude()
        for head, stray in reader.stray.items():
            texts = [label_spaces[head].id_text(one) for one in sorted(stray)]
            report.stray[head] = list(dict.fromkeys([*report.stray.get(head, ()), *texts]))
    return report


class _SplitReader:
    """Reads and checks one split."""

    def __init__(
        self,
        split: str,
        dataset: Dataset,
        label_spaces: Mapping[str, LabelSpace],
        inputs: Collection[str] | None,
        sources: Mapping[str, str],
        seen: dict[bytes, tuple[str, str]],
    ) -> None:
        self.split = split
        self.dataset = dataset
        self.spaces = label_spaces
        self.inputs = [name for name in dataset.channels if inputs is None or name in inputs]
        self.sources = {head: sources.get(head, head) for head in label_spaces}
        self.seen = seen
        self.report = SplitReport(len(dataset))
        for head, space in label_spaces.items():
            names = (*space.class_names, IGNORE)
            self.report.classes[head] = {name: ClassCount() for name in names}
        self.findings: list[Finding] = []
        self.turned: list[str] = []  # samples whose files have different orientations
        self.transparent: list[str] = []  # masks with transparent pixels
        # By head and id: the first file with the id, and the number of files.
        self.stray: dict[str, dict[int, tuple[str, int]]] = {head: {} for head in label_spaces}

    def read(self, index: int) -> None:
        place = f"sample {index} of {class_name(self.dataset)}"
        sample = self._attempt(lambda: read_sample(self.dataset, index), place)
        if sample is not None:
            self._check(sample)

    def _check(self, sample: Sample) -> None:
        size = missing = None
        for name in self.inputs:
            if (array := self._array(raw_input, sample, name)) is not None:
                size = size or array.shape[:2]
                if array.shape[:2] == size:
                    missing = union(missing, missing_pixels(array))
                self._check_size(sample, name, array.shape[:2], size)
        if size is not None:
            text = f"{size[1]}×{size[0]}"
            self.report.sizes[text] = self.report.sizes.get(text, 0) + 1
            self._check_twin(sample)
        maps = set(self.sources.values())
        used = {*maps, *self.inputs}
        read = {name: path for name, path in sample.paths.items() if name in used}
        if conflict := orientation_conflict(read):
            self.turned.append(conflict)
        labels = {name: self._array(raw_labels, sample, name) for name in maps}
        for name, raw in labels.items():
            if raw is None:
                continue
            if size is not None:
                self._check_size(sample, name, raw.shape[:2], size)
            if has_transparency(raw):
                self.transparent.append(str(sample.paths.get(name, sample.name)))
        for head, space in self.spaces.items():
            if (raw := labels[self.sources[head]]) is not None:
                fits = missing is not None and missing.shape == raw.shape
                self._count(sample, head, space, raw, missing if fits else None)

    def _find(self, kind: Kind, message: str) -> None:
        self.findings.append(Finding(kind, self.split, message))

    def _array(
        self, read: Callable[[Dataset, Sample, str], np.ndarray], sample: Sample, name: str
    ) -> np.ndarray | None:
        place = str(sample.paths.get(name, sample.name))
        return self._attempt(lambda: read(self.dataset, sample, name), place)

    def _attempt(self, read: Callable[[], T], place: str) -> T | None:
        """Return the result of ``read``, or None after recording why ``place`` is unreadable."""
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - plugins raise various errors
            reason, notes = reason_of(error)
            text = reason if reason.startswith(place) else f"{place}: {reason}"
            self._find("unreadable", str(PluxelError(text, notes)))
        return None

    def _check_size(
        self, sample: Sample, name: str, found: tuple[int, ...], expected: tuple[int, ...]
    ) -> None:
        if found != expected:
            self._find(
                "size mismatch",
                f"{sample.paths.get(name, sample.name)}: is {found[1]}×{found[0]}, "
                f"its image is {expected[1]}×{expected[0]} (width × height)",
            )

    def _check_twin(self, sample: Sample) -> None:
        """Record an image whose file content also occurs in an earlier split."""
        path = next((sample.paths[n] for n in self.inputs if n in sample.paths), None)
        if path is None or not path.is_file():
            return
        digest = blake2b(path.read_bytes(), digest_size=16).digest()
        split, other = self.seen.setdefault(digest, (self.split, str(path)))
        if split != self.split:
            self._find("duplicate", f"{path}: is also in split {split}, as {other}")

    def _count(
        self,
        sample: Sample,
        head: str,
        space: LabelSpace,
        raw: np.ndarray,
        missing: np.ndarray | None,
    ) -> None:
        """Count the classes of a label map; pixels that ``missing`` or the map masks are ignored.

        As in training, ids that the label map lists count also where the file masks them.
        """
        ids, hidden = np.asarray(raw), np.ma.getmaskarray(raw)
        measured = np.ones_like(hidden) if missing is None else ~missing
        counts = Counter({IGNORE: int(ids.size - measured.sum())})
        for pixels, unlisted in ((ids[measured & ~hidden], None), (ids[measured & hidden], IGNORE)):
            for one, count in zip(*np.unique(pixels, return_counts=True), strict=True):
                name = space.label_map.ids.get(int(one), unlisted)
                if name is None:
                    where = str(sample.paths.get(self.sources[head], sample.name))
                    first, files = self.stray[head].get(int(one), (where, 0))
                    self.stray[head][int(one)] = first, files + 1
                else:
                    counts[name] += int(count)
        for name, count in counts.items():
            self.report.classes[head][name].pixels += count
            self.report.classes[head][name].images += count > 0

    def conclude(self) -> list[Finding]:
        """Return all findings, including those about the split as a whole."""
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
