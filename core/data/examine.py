"""Read one sample and note all that is wrong with it, in any process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from torch.utils.data import Dataset as TorchDataset

from ...registry import PluxelError, reason_of
from ..common.text import extent
from ..contracts.inputs import shown_input
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import IGNORE, LabelSpace
from ..contracts.offers import input_specs
from ..geometry.regions import Size
from .alike import Sketch, sketch_of
from .masks import has_transparency
from .missing import missing_pixels, union
from .orientation import orientation_conflict
from .raw import raw_input, raw_labels, read_sample
from .splits import class_name

Kind = Literal[
    "unpaired",
    "unreadable",
    "size mismatch",
    "orientation",
    "transparent",
    "no labels",
    "stray id",
    "empty class",
    "duplicate",
    "near duplicate",
    "repetition",
    "note",
]

T = TypeVar("T")


class Flaw(NamedTuple):
    """What is wrong with a sample."""

    kind: Kind
    message: str


@dataclass
class Examined:
    """What one sample holds.

    ``paths``: name of each input or label map that was read -> its file. ``size``: of the first
    input that can be read. ``image``: the first file of an input. ``digest``: of its content, if
    an input can be read. ``sketch``: of the photograph.
    ``counts``: head -> class -> pixels, with ``ignore``. ``stray``: head -> raw ids that are not in
    the label map. ``drawn``: what `Examiner.draw` returned.
    """

    index: int
    name: str
    paths: dict[str, str] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    size: Size | None = None
    image: str = ""
    digest: bytes | None = None
    sketch: Sketch | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    stray: dict[str, list[int]] = field(default_factory=dict)
    drawn: Any = None

    @property
    def place(self) -> str:
        """The file of the image, or else the name of the sample."""
        return self.image or self.name


@dataclass(frozen=True)
class SampleArrays:
    """The arrays of a sample: inputs (H, W, channels), class indices (H, W) of each head.

    Those that cannot be read are missing. Label ids that the label map lacks are ignored.
    """

    inputs: Mapping[str, np.ndarray]
    classes: Mapping[str, np.ndarray]


Draw = Callable[[Examined, SampleArrays], object]
"""Draws a sample; what it returns must survive pickling."""


class Examiner(TorchDataset[Examined]):
    """Examines samples of a split: a map-style dataset, so that worker processes can read it.

    ``label_spaces``: by head. ``inputs``: those that the model reads, by default all. ``sources``:
    head -> label map of the dataset, by default the one with the name of the head.
    """

    def __init__(
        self,
        dataset: Dataset,
        label_spaces: Mapping[str, LabelSpace],
        inputs: Collection[str] | None = None,
        sources: Mapping[str, str] | None = None,
        draw: Draw | None = None,
    ) -> None:
        self.dataset = dataset
        self.inputs = [name for name in dataset.channels if inputs is None or name in inputs]
        named = {head: (sources or {}).get(head, head) for head in label_spaces}
        self.unlabeled = [name for name in {*named.values()} if name not in dataset.labels]
        self.sources = {h: name for h, name in named.items() if name not in self.unlabeled}
        self.spaces = label_spaces
        self.draw = draw
        specs = input_specs(dataset)
        self.shown = shown_input(self.inputs, specs) if self.inputs else None
        """The input that people see."""

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Examined:
        """Examine a sample; it raises nothing, whatever the sample raises."""
        place = f"sample {index} of {class_name(self.dataset)}"
        found = Examined(index, f"sample {index}")
        read = partial(read_sample, self.dataset, index)
        if (sample := _attempt(found, read, place)) is not None:
            found.name = sample.name
            used = {*self.inputs, *self.sources.values()}
            paths = {name: path for name, path in sample.paths.items() if name in used}
            found.paths = {name: str(path) for name, path in paths.items()}
            self._examine(found, sample, paths)
        return found

    def _examine(self, found: Examined, sample: Sample, paths: Mapping[str, Path]) -> None:
        def array(read: Callable[..., np.ndarray], name: str) -> np.ndarray | None:
            place = str(sample.paths.get(name, sample.name))
            return _attempt(found, partial(read, self.dataset, sample, name), place)

        inputs, missing = {}, None
        for name in self.inputs:
            if (pixels := array(raw_input, name)) is not None:
                inputs[name] = pixels
                found.size = found.size or pixels.shape[:2]
                if _has_size(found, sample, name, pixels):
                    missing = union(missing, missing_pixels(pixels))
        self._identify(found, paths)
        if conflict := orientation_conflict(paths):
            found.flaws.append(Flaw("orientation", conflict))
        labels = {name: array(raw_labels, name) for name in dict.fromkeys(self.sources.values())}
        for name, raw in labels.items():
            if raw is None:
                continue
            _has_size(found, sample, name, raw)
            if has_transparency(raw):
                place = str(sample.paths.get(name, sample.name))
                found.flaws.append(Flaw("transparent", place))
        classes = {}
        for head, source in self.sources.items():
            if (raw := labels[source]) is not None:
                fits = missing is not None and missing.shape == raw.shape
                classes[head] = self._count(found, head, raw, missing if fits else None)
        if self.shown in inputs:
            found.sketch = sketch_of(inputs[self.shown])
        if self.draw is not None:
            content = SampleArrays(inputs, classes)
            found.drawn = _attempt(found, partial(self.draw, found, content), found.place)

    def _identify(self, found: Examined, paths: Mapping[str, Path]) -> None:
        path = next((paths[name] for name in self.inputs if name in paths), None)
        found.image = "" if path is None else str(path)
        if found.size is not None and path is not None and path.is_file():
            found.digest = blake2b(path.read_bytes(), digest_size=16).digest()

    def _count(
        self, found: Examined, head: str, raw: np.ndarray, missing: np.ndarray | None
    ) -> np.ndarray:
        """Count the classes of a label map; pixels that ``missing`` or the map masks are ignored.

        As in training, ids that the label map lists count also where the file masks them. Return
        the classes.
        """
        space = self.spaces[head]
        ids, hidden = np.asarray(raw), np.ma.getmaskarray(raw)
        unlisted = ~np.isin(ids, [*space.label_map.ids])
        classes = space.encode(np.ma.MaskedArray(ids, unlisted))
        strays = unlisted & ~hidden
        if missing is not None:
            strays &= ~missing
            classes = np.where(missing, classes.dtype.type(space.ignore_index), classes)
        pixels = np.bincount(classes[~strays], minlength=space.ignore_index + 1)
        names = {i: space.class_names[i] for i in np.flatnonzero(pixels[: space.num_classes])}
        counts = Counter({name: int(pixels[i]) for i, name in names.items()})
        counts[IGNORE] = int(pixels[space.ignore_index])
        found.counts[head] = +counts
        if strays.any():
            found.stray[head] = np.unique(ids[strays]).tolist()
        return classes


def _attempt(found: Examined, read: Callable[[], T], place: str) -> T | None:
    """Return the result of ``read``, or None after noting why ``place`` is unreadable."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - plugins raise various errors
        reason, notes = reason_of(error)
        text = reason if reason.startswith(place) else f"{place}: {reason}"
        found.flaws.append(Flaw("unreadable", str(PluxelError(text, notes))))
    return None


def _has_size(found: Examined, sample: Sample, name: str, array: np.ndarray) -> bool:
    """Return whether an array has the size of the image; note it otherwise."""
    if found.size is None or array.shape[:2] == found.size:
        return True
    text = (
        f"{sample.paths.get(name, sample.name)}: is {extent(array.shape[:2])}, "
        f"its image is {extent(found.size)} (height × width)"
    )
    found.flaws.append(Flaw("size mismatch", text))
    return False
