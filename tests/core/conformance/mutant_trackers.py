"""A tracker that keeps every guarantee, and for each guarantee one that violates it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import get_ident
from typing import Any, ClassVar

import numpy as np
from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_trackers() -> list[Component]:
    classes = [Good, *Good.__subclasses__()]
    return [
        Component(one.__name__.lower(), f"mutant_trackers:{one.__name__}", "x") for one in classes
    ]


class Good:
    caught_by: ClassVar[str] = ""
    also: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        self.file = Path()

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        self.file = run / "tracked.jsonl"
        self.write(dict(config))

    def write(self, content: dict[str, Any]) -> None:
        with self.file.open("a") as stream:
            stream.write(json.dumps(content) + "\n")

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        self.write({"step": step, **values})

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        self.write({"step": step, **{name: image.shape for name, image in images.items()}})

    def finish(self, results: Mapping[str, Any], status: str, /) -> None:
        self.write({"status": status, **results})


class BeginsTooEarly(Good):
    caught_by = "constructor"

    def __init__(self) -> None:
        super().__init__()
        with tempfile.TemporaryFile("w"):
            pass


class TakesAStepOnce(Good):
    caught_by = "steps"
    last = 0

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        if step == self.last:
            raise ValueError(f"step {step} again")
        self.last = step
        super().scalars(step, values)


class NeverContinues(Good):
    caught_by = "resumed"

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        (run / "tracked.jsonl").touch(exist_ok=False)
        super().start(run, config, step)


class NeedsAStep(Good):
    caught_by = "nothing_tracked"

    def finish(self, results: Mapping[str, Any], status: str, /) -> None:
        super().finish({"best": results["heads"]["semantic"]}, status)


class WritesLetters(Good):
    caught_by = "odd_names"

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        super().scalars(step, {name.encode("ascii").decode(): v for name, v in values.items()})


class NeedsValues(Good):
    caught_by = "odd_values"

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        super().start(run, {name: self.flat(value) for name, value in config.items()}, step)

    def flat(self, value: Any) -> Any:
        if value is None:
            raise TypeError("a value is missing")
        return {k: self.flat(v) for k, v in value.items()} if isinstance(value, dict) else value


class NeedsALargeImage(Good):
    caught_by = "image_sizes"

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        super().images(step, {name: image[8, 8] for name, image in images.items()})


class DrawsOnImages(Good):
    caught_by = "arguments"

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        for image in images.values():
            image[0] = 0
        super().images(step, images)


class StaysInItsThread(Good):
    caught_by = "another_thread"

    def __init__(self) -> None:
        super().__init__()
        self.thread = get_ident()

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        if self.thread != get_ident():
            raise RuntimeError("another thread")
        super().start(run, config, step)
