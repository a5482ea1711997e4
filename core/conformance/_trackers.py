"""What every tracker must guarantee."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import numpy as np

from ..contracts.kinds import TrackedEnd, Tracker
from ._check import ConformanceError, require
from ._state import recorded
from ._subject import Subject

CONFIG: Mapping[str, Any] = {"decoder": {"type": "acme-seg/wnet"}, "training": {"steps": 6}}
RESULTS: Mapping[str, Any] = {"split": "val", "step": 6, "heads": {"semantic": {"mean_iou": 0.5}}}

_ODD_NAMES = (
    "val/iou/road & rail (50%)",
    "val/iou/<script>alert('a')</script>",
    'val/iou/"quoted"',
    "val/iou/道路 🚗",
    "val/iou/..",
    "val/iou//",
    f"val/iou/{'long ' * 60}",
)
"""Names of scalars and images with names of classes as users write them."""


def session(
    tracker: Tracker, run: Path, step: int = 0, *, names: tuple[str, ...] = ("train/loss",)
) -> None:
    """Track a training of a few steps, from ``step`` on."""
    tracker.start(run, deepcopy(dict(CONFIG)), step)
    for number in range(step + 1, step + 4):
        tracker.scalars(number, dict.fromkeys(names, 1 / number))
    tracker.images(step + 3, {name: picture(16, 24) for name in names})
    tracker.finish(deepcopy(dict(RESULTS)), "finished")


def picture(height: int, width: int) -> np.ndarray:
    """Return a picture, (height, width, 3) uint8."""
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def in_run(tracker: Tracker, **options: Any) -> None:
    """Track a short training in a temporary run directory."""
    with TemporaryDirectory() as folder:
        session(tracker, _run(folder), **options)


def _run(folder: str) -> Path:
    run = Path(folder).resolve() / "runs" / "run"
    run.mkdir(parents=True)
    return run


def constructor(subject: Subject) -> None:
    """The constructor writes no file and sends nothing: the training may never begin."""
    _ = subject.parameters  # may write files
    with recorded() as events:
        subject.tracker()
    require(not events, f"building it already does: {', '.join(dict.fromkeys(map(str, events)))}")


def steps(subject: Subject) -> None:
    """Scalars of one step may come in several calls, as those of an evaluation do."""
    tracker = subject.tracker()
    with TemporaryDirectory() as folder:
        tracker.start(_run(folder), CONFIG, 0)
        for step in (2, 4):
            tracker.scalars(step, {"train/loss": 0.5, "lr": 0.01})
            tracker.scalars(step, {"val/loss": 0.75, "val/mean_iou": 0.5})
        tracker.finish(RESULTS, "finished")


def resumed(subject: Subject) -> None:
    """A new tracker continues in the run directory of an earlier one, from an earlier step."""
    with TemporaryDirectory() as folder:
        run = _run(folder)
        session(subject.tracker(), run)
        session(subject.tracker(), run, 1)


def nothing_tracked(subject: Subject) -> None:
    """A training may end before its first step, in each way."""
    ends: tuple[TrackedEnd, ...] = ("finished", "interrupted", "failed")
    for status in ends:
        tracker = subject.tracker()
        with TemporaryDirectory() as folder:
            tracker.start(_run(folder), CONFIG, 0)
            tracker.finish({}, status)


def odd_names(subject: Subject) -> None:
    """Names of scalars and images may have any characters, because those of classes may."""
    in_run(subject.tracker(), names=_ODD_NAMES)


def odd_values(subject: Subject) -> None:
    """The configuration and the results are any values of JSON."""
    values = {
        "none": None,
        "empty": {},
        "list": [1, None, {"a": [2.5, "b"]}],
        "text": "道路 'x' \"y\"\n<b>" + "long " * 2000,
        "name with spaces/and & signs": True,
        "0": -1e-12,
    }
    tracker = subject.tracker()
    with TemporaryDirectory() as folder:
        tracker.start(_run(folder), {**CONFIG, "values": values}, 0)
        tracker.finish({**RESULTS, "values": values}, "finished")


def image_sizes(subject: Subject) -> None:
    """Images may be of any size, and views of larger arrays."""
    view = picture(40, 60)[::-2, 5:50:3]
    sizes = {"one": picture(1, 1), "wide": picture(4, 300), "tall": picture(70, 2), "view": view}
    tracker = subject.tracker()
    with TemporaryDirectory() as folder:
        tracker.start(_run(folder), CONFIG, 0)
        tracker.images(2, sizes)
        tracker.finish(RESULTS, "finished")


def arguments(subject: Subject) -> None:
    """It leaves the mappings and arrays that it receives as they are."""
    tracker = subject.tracker()
    config, results = deepcopy(dict(CONFIG)), deepcopy(dict(RESULTS))
    values, image = {"train/loss": 0.5}, picture(16, 24)
    with TemporaryDirectory() as folder:
        tracker.start(_run(folder), config, 0)
        tracker.scalars(1, values)
        tracker.images(1, {"train": image})
        tracker.finish(results, "finished")
    same = (config, results, values) == (CONFIG, RESULTS, {"train/loss": 0.5})
    require(same and np.array_equal(image, picture(16, 24)), "it changes what it receives")


def another_thread(subject: Subject) -> None:
    """It works in another thread than the one that built it."""
    tracker = subject.tracker()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            in_run(tracker)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise ConformanceError(f"in another thread, it raises {errors[0]!r}") from errors[0]


CHECKS = (
    constructor,
    steps,
    resumed,
    nothing_tracked,
    odd_names,
    odd_values,
    image_sizes,
    arguments,
    another_thread,
)
