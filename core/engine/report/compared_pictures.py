"""The images on which two runs differ most: input, truth, and what each run predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ....registry import Host, PluxelError
from ...common.devices import choose_device
from ...contracts.colors import hex_color
from ...contracts.labels import LabelSpace
from ...model.build import build_model
from ...pictures.legend import entries_of
from ...pictures.masks import hatched
from ...pictures.saving import data_uri, png_bytes
from ...pictures.thumbnails import sampled
from ..comparison.common_part import EvaluatedRun
from ..comparison.differences import ImageDifference
from ..evaluation.examples import example_size
from ..inference.pipeline import Pipeline
from ..trained import open_trained
from .attempt import attempt
from .evaluated_images import EvaluatedImages, evaluated_data


class Picture(NamedTuple):
    """A picture as an address."""

    title: str
    address: str


@dataclass(frozen=True)
class ComparedPictures:
    """Pictures of the images of a head; ``legend``: a name and a color ``#rrggbb`` each.

    ``of_images``: of each image; empty for one that cannot be shown.
    """

    of_images: Sequence[Sequence[Picture]]
    legend: Sequence[tuple[str, str | None]]


class PicturesOfRuns:
    """Reads the images of a comparison, and predicts them with its runs.

    ``runs``: by the letters that stand for them. ``notes``: what cannot be shown, a sentence each.
    """

    def __init__(self, runs: dict[str, EvaluatedRun], host: Host) -> None:
        self._runs, self._host = runs, host
        self._opened: dict[str, _OpenedRun | None] = {}
        self._failures: list[str] = []

    @property
    def notes(self) -> list[str]:
        """What cannot be shown, a sentence each."""
        opened = filter(None, self._opened.values())
        return list(dict.fromkeys([*self._failures, *(n for run in opened for n in run.notes)]))

    def of_head(
        self, letters: tuple[str, str], head: str, images: Sequence[ImageDifference]
    ) -> ComparedPictures:
        """Return the pictures of a head in two runs."""
        found: list[list[Picture]] = [[] for _ in images]
        legend: dict[tuple[str, str | None], None] = {}
        first, second = (self._run(letter) if images else None for letter in letters)
        if first and second:
            for image, pictures in zip(images, found, strict=True):
                shown = first.images.of(head, image.rows[0])
                if shown is None or second.images.of(head, image.rows[1]) is None:
                    continue
                pictures.append(Picture("input", shown.photo))
                layers = [("truth", first, shown.truth[head])]
                for letter, run, row in zip(letters, (first, second), image.rows, strict=True):
                    layers.append((letter, run, run.predicted(head, row)))
                for title, run, classes in layers:
                    space = run.images.spaces[head]
                    pictures.append(Picture(title, _address(space, classes)))
                    legend |= dict.fromkeys(_legend(space, classes))
        return ComparedPictures(found, [*legend])

    def _run(self, letter: str) -> _OpenedRun | None:
        if letter not in self._opened:
            run = self._runs[letter]
            failure = f"There are no pictures of {run.directory}"
            make = partial(_OpenedRun, run, self._host)
            self._opened[letter] = attempt(failure, make, self._failures)
        return self._opened[letter]


class _OpenedRun:
    """A run with its network and the images that it was evaluated on.

    Raises: PluxelError if it cannot be opened, or has other weights than its results.
    """

    def __init__(self, run: EvaluatedRun, host: Host) -> None:
        trained = open_trained(run.directory, run.overrides, host=host)
        if trained.step != run.kept.step:
            raise PluxelError(
                f"its weights are of step {trained.step}, but its results of step {run.kept.step}"
            )
        config, blueprint = trained.config, trained.blueprint
        model = trained.filled(build_model(config, blueprint))
        data = evaluated_data(trained, model, run.kept.split)
        device = choose_device(config.pipeline.device)
        self.images = EvaluatedImages(data, model, run.kept)
        self._pipeline = Pipeline(model, data.label_spaces, blueprint.channels, device)

    @property
    def notes(self) -> list[str]:
        return self.images.notes

    def predicted(self, head: str, row: int) -> np.ndarray:
        """Return the predicted classes of an image, small, (h, w)."""
        item = self.images.item(row)
        classes = self._pipeline.predict_raw(item.inputs)[head].classes
        return sampled(classes, example_size(item.size))


def _address(space: LabelSpace, classes: np.ndarray) -> str:
    ignored = classes == space.ignore_index
    return data_uri(png_bytes(hatched(space.colorize(classes), ignored)))


def _legend(space: LabelSpace, classes: np.ndarray) -> list[tuple[str, str | None]]:
    entries = entries_of(space, [classes], whole_names=True)
    return [(name, color and hex_color(color)) for name, color in entries]
