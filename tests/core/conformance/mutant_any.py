"""Losses that violate what every kind of component must guarantee, one guarantee each."""

from __future__ import annotations

import itertools
import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from mutant_losses import Good  # pyright: ignore[reportMissingImports]
from pluxel.registry import Component, hookimpl
from pydantic import AfterValidator
from torch import Tensor

BUILT = itertools.count()


@hookimpl
def pluxel_losses() -> list[Component]:
    own = [one for one in Good.__subclasses__() if one.__module__ == __name__]
    records = [Component(one.__name__.lower(), f"mutant_any:{one.__name__}", "x") for one in own]
    return [*records, Component("nowhere", "mutant_any:Nowhere", "x")]


class HasNoType(Good):
    caught_by = "parameters"
    also: ClassVar = {"*", "schema"}

    def __init__(self, num_classes: int, ignore_index: int, *, smooth=1.0) -> None:
        super().__init__(num_classes, ignore_index)


class ReadsMoreThanWritten(Good):
    caught_by = "schema"

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        smooth: Annotated[float, AfterValidator(lambda value: value / 2)] = 1.0,
    ) -> None:
        super().__init__(num_classes, ignore_index)


class Fails(Good):
    caught_by = "builds"
    also: ClassVar = {"*"}

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        raise ValueError("not today")


class EndsTheProgram(Good):
    caught_by = "builds"
    also: ClassVar = {"*"}

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        sys.exit(3)


class HoldsAFunction(Good):
    caught_by = "copies"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        self.function = lambda value: value


class DiffersEachTime(Good):
    caught_by = "same_seed"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        self.factor = 1 + next(BUILT) % 64 * 5e-7

    def finish(self, value: Tensor, logits: Tensor, kept: Tensor) -> Tensor:
        return super().finish(value, logits, kept) * self.factor


class SetsTheSeed(Good):
    caught_by = "random_numbers"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        torch.manual_seed(0)


class ChangesTheEnvironment(Good):
    caught_by = "process_state"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        os.environ["MUTANT_BUILT"] = str(int(os.environ.get("MUTANT_BUILT", "0")) + 1)


class SeedsNumPy(Good):
    caught_by = "process_state"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        np.random.seed(0)


class Prints(Good):
    caught_by = "output"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        print("built")  # noqa: T201


class WritesToTheWorkingFolder(Good):
    caught_by = "own_files"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        Path("trace.txt").write_text("built")


class ReplacesAFile(Good):
    caught_by = "own_files"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"built")
        Path(file.name).replace("trace.txt")


class CallsHomeFromAThread(Good):
    caught_by = "offline"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        thread = threading.Thread(target=_call_home)
        thread.start()
        thread.join()


def _call_home() -> None:
    with suppress(OSError), socket.socket() as connection:
        connection.connect(("127.0.0.1", 1))


class CallsHome(Good):
    caught_by = "offline"

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes, ignore_index)
        _call_home()
