"""The images of an evaluated split with their ground truth, small, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ....registry import PluxelError, reason_of
from ...common.text import plural
from ...contracts.inputs import shown_input
from ...data.batch import Item
from ...data.samples import EvaluationData
from ...model.network import SegmentationModel
from ...pictures.inputs import input_picture
from ...pictures.saving import data_uri, webp_bytes
from ...pictures.thumbnails import sampled
from ..evaluation.examples import example_size
from ..evaluation.image_statistics import ImageStatistics
from ..evaluation.measures import COUNTS
from ..preparation import open_role
from ..trained import Trained


@dataclass(frozen=True)
class EvaluatedImage:
    """A photograph as an address, and the true classes of each head, (h, w), small.

    ``pixels``: of each class in the whole image.
    """

    name: str
    photo: str
    truth: Mapping[str, np.ndarray]
    pixels: Mapping[str, np.ndarray]


def evaluated_data(trained: Trained, model: SegmentationModel, split: str) -> EvaluationData:
    """Return the images that a run was evaluated on. Raises: PluxelError if they are gone."""
    blueprint = trained.blueprint
    return EvaluationData(
        open_role(trained.config, split),
        blueprint.label_spaces(),
        inputs=model.input_names,
        sources=blueprint.targets,
    )


class EvaluatedImages:
    """Reads images of a split, each once, and checks that they are those that were evaluated."""

    def __init__(
        self, data: EvaluationData, model: SegmentationModel, kept: ImageStatistics
    ) -> None:
        self.spaces = data.label_spaces
        self._data, self._model, self._kept = data, model, kept
        self._read: dict[int, EvaluatedImage | None] = {}
        self._failures: list[str] = []
        self._changed: dict[int, str] = {}

    def of(self, head: str, row: int) -> EvaluatedImage | None:
        """Return the image of a row of the statistics.

        None if it cannot be read, or if it does not have the ground truth of a head that the
        evaluation had; `notes` then says so.
        """
        if row not in self._read:
            try:
                self._read[row] = self._taken(self.item(row))
            except Exception as error:  # noqa: BLE001 - a page shows what it can
                self._failures.append(reason_of(error, with_type=False)[0])
                self._read[row] = None
        found = self._read[row]
        return found if found and self._is_same(head, row, found) else None

    @property
    def notes(self) -> list[str]:
        """What could not be shown, a sentence each."""
        found = []
        if self._failures:
            count = plural(len(self._failures), "image")
            found.append(f"{count} cannot be read anymore, such as: {self._failures[0]}")
        if self._changed:
            count, names = plural(len(self._changed), "image"), [*self._changed.values()]
            found.append(
                f"{count} or their ground truth changed since the evaluation, so they are not "
                f"shown: {', '.join(names[:3])}{' …' * (len(names) > 3)}."
            )
        return found

    def item(self, row: int) -> Item:
        """Return the image of a row of the statistics at its size. Raises: PluxelError."""
        index = self._kept.index_of(row)
        if index >= len(self._data):
            raise PluxelError(f"the split now has only {plural(len(self._data), 'image')}")
        return self._data[index]

    def _taken(self, item: Item) -> EvaluatedImage:
        size, specs = example_size(item.size), self._model.input_specs
        name = shown_input([*item.inputs], specs)
        picture, _ = input_picture(item.inputs[name], specs[name], size)
        return EvaluatedImage(
            item.name,
            data_uri(webp_bytes(picture)),
            {head: sampled(target, size) for head, target in item.targets.items()},
            {head: np.bincount(target.ravel()) for head, target in item.targets.items()},
        )

    def _is_same(self, head: str, row: int, image: EvaluatedImage) -> bool:
        name = self._kept.names[row]
        evaluated = self._kept.heads[head].rows[COUNTS].dense(slice(row, row + 1))[0, :, 1]
        pixels = np.zeros_like(evaluated)
        now = image.pixels[head][: len(evaluated)]
        pixels[: len(now)] = now
        if image.name == name and np.array_equal(pixels, evaluated):
            return True
        self._changed[row] = name
        return False
