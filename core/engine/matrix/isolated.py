"""Run a function in a process of its own, with limits on time and memory."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from ...common.processes import without_working_folder

Returned = TypeVar("Returned")

GIBIBYTE = 2**30


class LimitError(Exception):
    """A process exceeded its limit of time or, with ``of_memory``, of memory."""

    def __init__(self, message: str, *, of_memory: bool = False) -> None:
        super().__init__(message)
        self.of_memory = of_memory


class CrashError(Exception):
    """A process ended without a result, or raised an unexpected error."""


class Isolated:
    """Runs functions in processes that start from one that has imported modules.

    ``seconds``, ``gibibytes``: the limits of each process; memory has no limit on systems other
    than Linux. ``modules``: imported once, before the first process.
    """

    def __init__(self, seconds: float, gibibytes: float, modules: Sequence[str] = ()) -> None:
        self.seconds, self.bytes = seconds, int(gibibytes * GIBIBYTE)
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context(
            "forkserver" if "forkserver" in methods else "spawn"
        )
        if "forkserver" in methods:
            self._context.set_forkserver_preload([__name__, *modules])

    def __call__(self, function: Callable[..., Returned], *arguments: Any) -> Returned:
        """Return ``function(*arguments)``; all of them must be picklable.

        Raises: LimitError; CrashError with the last line of an unexpected error.
        """
        receiving, sending = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_run, args=(sending, self.bytes, function, *arguments), daemon=True
        )
        with without_working_folder():
            process.start()
        sending.close()
        try:
            if not receiving.poll(self.seconds):
                unit = "second" if self.seconds == 1 else "seconds"
                raise LimitError(f"takes more than {self.seconds:g} {unit}")
            outcome, value = receiving.recv()
        except EOFError:
            process.join()
            raise CrashError(f"the process ended with exit code {process.exitcode}") from None
        finally:
            process.kill()
            process.join()
            receiving.close()
        if outcome == "result":
            return value
        if outcome == "memory":
            raise LimitError(
                f"needs more than {self.bytes / GIBIBYTE:g} GiB of memory", of_memory=True
            )
        raise CrashError(value)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether Python or PyTorch could not allocate memory."""
    text = str(error)
    return isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text


def _run(sending: Connection, limit: int, function: Callable[..., Any], *arguments: Any) -> None:
    torch.set_num_threads(1)
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not available on every system

        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        sending.send(("result", function(*arguments)))
    except Exception as error:  # noqa: BLE001 - reported to the parent, whatever it is
        outcome = "memory" if is_out_of_memory(error) else "error"
        sending.send((outcome, f"{type(error).__name__}: {error}"))
