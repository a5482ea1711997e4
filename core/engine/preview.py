"""Show samples of a split before and after augmentation, as the network gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ...registry import reason_of
from ..common.logs import images_counted, logger
from ..common.text import plural
from ..contracts.inputs import shown_input
from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from ..contracts.offers import is_endless
from ..data.batch import Item
from ..data.samples import EvaluationData, TrainingData
from ..data.splits import split_names
from ..pictures.inputs import input_picture
from ..pictures.legend import LegendEntry, entries_of
from ..pictures.masks import labels_over
from ..pictures.panel import message
from ..pictures.sheet import Sheet, SheetSample, SheetTile
from ..pictures.thumbnails import fitted, sampled
from .preparation import Prepared, open_role
from .training.samples import training_data

SIDE = 240
"""Pixels of the longer side of a picture."""


def preview(prepared: Prepared, split: str, count: int, seed: int | None = None) -> Sheet:
    """Return a sheet of ``count`` samples of a split.

    ``split``: a role or a split expression. Samples of the role ``train``, or of a part of it, are
    the first ones of a training with ``seed``, before and after augmentation if there is any; with
    phases, of the first. Those of other splits are drawn with ``seed``, and shown as evaluation
    reads them.
    ``seed``: by default that of the configuration. A sample that cannot be read or augmented shows
    the reason. Samples are read one by one, and kept as small pictures.

    Raises: ConfigError if the split does not exist or its files are missing.
    """
    prepared = prepared.phases[0]
    pipeline = prepared.config.pipeline
    seed = pipeline.seed if seed is None else seed
    known = split in pipeline.splits
    dataset = prepared.dataset(split) if known else open_role(prepared.config, split)
    painter = _Painter(prepared)
    trains = {*split_names(split)} == {"train"}
    training = _training(prepared, dataset, seed) if trains else None
    changed = training if training and training.changes_samples else None
    with images_counted():
        samples = [
            painter.sample(dataset, index, partial(changed.__getitem__, n) if changed else None)
            for n, index in _chosen(dataset, training, count, seed)
        ]
    shown = f"{split}: {plural(len(samples), 'sample')}"
    title = f"{shown} before and after augmentation" if changed else shown
    entries = dict.fromkeys(entry for head in painter.spaces for entry in painter.entries(head))
    whole = [(head, painter.entries(head, whole_names=True)) for head in painter.spaces]
    return Sheet(title, samples, [*entries], whole)


def _training(prepared: Prepared, dataset: Dataset, seed: int) -> TrainingData:
    data = training_data(prepared, prepared.model, dataset, seed)
    data.on_bad_sample = "stop"  # show bad samples instead of skipping them
    return data


def _chosen(
    dataset: Dataset, training: TrainingData | None, count: int, seed: int
) -> Iterator[tuple[int, int]]:
    """Yield the number of each sample, and its index in the dataset."""
    if training is not None:
        yield from ((n, training.index(n)) for n in range(count))
        return
    length = len(dataset)
    if is_endless(dataset) or count >= length:
        indices: Sequence[int] = range(min(count, length))
    else:
        drawn = np.random.default_rng(seed).choice(length, count, replace=False)
        indices = sorted(drawn.tolist())
    yield from enumerate(indices)


class _Painter:
    """Turns samples into tiles, and remembers which classes occurred."""

    def __init__(self, prepared: Prepared) -> None:
        model, blueprint = prepared.model, prepared.blueprint
        self.names = model.input_names
        self.specs = model.input_specs
        self.spaces: dict[str, LabelSpace] = blueprint.label_spaces()
        self.sources = blueprint.targets
        self._seen: dict[str, list[np.ndarray]] = {head: [] for head in self.spaces}

    def entries(self, head: str, *, whole_names: bool = False) -> list[LegendEntry]:
        """Return the legend of a head, with the classes that occurred."""
        return entries_of(self.spaces[head], self._seen[head], whole_names=whole_names)

    def sample(
        self, dataset: Dataset, index: int, augmented: Callable[[], Item] | None
    ) -> SheetSample:
        """Return a sample before augmentation, and after it if ``augmented`` returns it."""
        data = EvaluationData(dataset, self.spaces, inputs=self.names, sources=self.sources)
        item, tiles = self._tiles(lambda: data[index], "")
        if augmented is not None:
            after, more = self._tiles(augmented, ", augmented")
            item, tiles = item or after, [*tiles, *more]
        if item is None:
            return SheetSample(f"sample {index}", tiles)
        source = "\n".join(str(path) for path in item.paths.values())
        return SheetSample(item.name, tiles, source)

    def _tiles(self, read: Callable[[], Item], suffix: str) -> tuple[Item | None, list[SheetTile]]:
        titles = [f"{name}{suffix}" for name in (*self.names, *self.spaces)]
        try:
            item = read()
            drawn = [*self._inputs(item), *self._labels(item)]
        except Exception as error:  # noqa: BLE001 - show each sample that works
            reason, _ = reason_of(error, with_type=False)
            logger.warning("%s", reason)
            blank = message(reason, (SIDE * 3 // 4, SIDE))
            return None, [SheetTile(title, blank) for title in titles]
        return item, [replace(t, title=n) for t, n in zip(drawn, titles, strict=True)]

    def _inputs(self, item: Item) -> Iterator[SheetTile]:
        height, width = item.size
        for name in self.names:
            spec = self.specs[name]
            picture, note = input_picture(item.inputs[name], spec, fitted(item.size, SIDE))
            caption = ", ".join(filter(None, [f"{width}×{height}", note]))
            yield SheetTile(name, picture, caption, is_photo=spec.kind == "color")

    def _labels(self, item: Item) -> Iterator[SheetTile]:
        size = fitted(item.size, SIDE)
        image = shown_input(self.names, self.specs)
        below, _ = input_picture(item.inputs[image], self.specs[image], size)
        for head, space in self.spaces.items():
            target = item.targets[head]
            self._seen[head].append(np.unique(target))
            ignored = float((target == space.ignore_index).mean())
            caption = f"{100 * ignored:.2g} % ignored" if ignored else ""
            yield SheetTile(head, labels_over(below, space, sampled(target, size)), caption)
