"""Draw curves, confusion matrices and a panel of images into the run while it trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from ...common.logs import logger
from ...common.pacing import Pace
from ...contracts.labels import LabelSpace
from ...pictures.charts import draw_confusion, figure_of, picture_of, plain_style
from ...pictures.legend import LegendEntry, entries_of
from ...pictures.masks import errors_over, labels_over
from ...pictures.panel import PanelRow, panel
from ...pictures.saving import save_png
from ..curves import curves_picture
from ..evaluation.evaluation import Evaluation
from ..evaluation.snapshots import Snapshot
from .owned_run import OwnedRun

Pictures = Mapping[str, np.ndarray]
"""Name -> picture (H, W, 3) uint8; the names are those of the files in ``results/``."""


MOST_TIME = 0.02
"""Fraction of a training's time that drawing takes, besides the first and the last pictures."""


class TrainingPictures:
    """Draws and saves pictures after evaluations, in the main process; a failure only warns.

    Trackers get the same pictures. ``spaces``: the label space of each head.
    """

    def __init__(self, owned: OwnedRun, spaces: Mapping[str, LabelSpace]) -> None:
        self._owned, self._spaces = owned, spaces
        self._has_warned = False
        self._pace = Pace()
        self._waiting: tuple[int, Evaluation | None] | None = None

    def draw(self, step: int, evaluation: Evaluation | None) -> None:
        """Draw the state of the training at a step; ``evaluation``: None without a split.

        If drawing then took more than `MOST_TIME`, the picture waits until `kept_current` ends.
        """
        if not self._owned.processes.is_main_process:
            return
        self._waiting = step, evaluation
        if self._pace.is_due:
            self._draw_waiting()

    @contextmanager
    def kept_current(self) -> Iterator[None]:
        """Train in this block; when it ends in whatever way, the last pictures are drawn."""
        try:
            yield
        finally:
            self._draw_waiting()

    def _draw_waiting(self) -> None:
        if self._waiting is None:
            return
        (step, evaluation), self._waiting = self._waiting, None
        with self._pace.working(MOST_TIME):
            self._try_to_draw(step, evaluation)

    def _try_to_draw(self, step: int, evaluation: Evaluation | None) -> None:
        try:
            self._owned.claim.check()
            self._save(step, self._pictures(step, evaluation))
        except Exception as error:  # noqa: BLE001 - pictures never stop a training
            if not self._has_warned:
                self._has_warned = True
                logger.warning("cannot draw pictures of the training, which goes on: %s", error)

    def _pictures(self, step: int, evaluation: Evaluation | None) -> Pictures:
        found = {"curves": curves_picture(self._owned.run.records())}
        if evaluation is None:
            return found
        for head, space in self._spaces.items():
            name = "confusion" if len(self._spaces) == 1 else f"confusion-{head}"
            with plain_style():
                axes = draw_confusion(evaluation.metrics[head].confusion, space.class_names)
                axes.set_title(f"step {step:,}")
                found[name] = picture_of(figure_of(axes))
        if evaluation.snapshots:
            found["panel"] = panel_of(evaluation.snapshots, self._spaces, f"step {step:,}")
        return found

    def _save(self, step: int, pictures: Pictures) -> None:
        run = self._owned.run
        for name, picture in pictures.items():
            save_png(run.pictures.file(name), picture)
        if "panel" in pictures:
            run.pictures.keep_panel(step)
        self._owned.tracking.images(step, pictures)


def panel_of(
    snapshots: Sequence[Snapshot], spaces: Mapping[str, LabelSpace], title: str
) -> np.ndarray:
    """Return images with the truth, the prediction and the errors of each head, (H, W, 3) uint8."""
    titles = ["input"]
    for head in spaces:
        prefix = f"{head}: " if len(spaces) > 1 else ""
        titles += [f"{prefix}{what}" for what in ("truth", "prediction", "errors")]
    rows = [
        PanelRow(
            shot.name,
            [
                shot.image,
                *(
                    picture
                    for head, space in spaces.items()
                    for picture in _of_head(shot, head, space)
                ),
            ],
        )
        for shot in snapshots
    ]
    entries: dict[LegendEntry, None] = {}
    for head, space in spaces.items():
        shown = [
            classes for shot in snapshots for classes in (shot.truth[head], shot.predicted[head])
        ]
        entries |= dict.fromkeys(entries_of(space, shown))
    return panel(
        titles, rows, [*entries], title=f"{title}; errors have the color of the predicted class"
    )


def _of_head(shot: Snapshot, head: str, space: LabelSpace) -> tuple[np.ndarray, ...]:
    truth, predicted = shot.truth[head], shot.predicted[head]
    return (
        labels_over(shot.image, space, truth),
        labels_over(shot.image, space, predicted),
        errors_over(shot.image, space, truth, predicted),
    )
