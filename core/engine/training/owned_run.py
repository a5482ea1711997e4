"""Write to the run directory from the main process, while this training owns it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ....registry import PluxelError
from ...common.numerics import finite_or_none
from ..distributed import Processes
from ..run import Run, recorded_step
from .claim import Claim
from .monitor import TrainingProgress
from .state import Diverged, last_good
from .tracking import Tracking


@dataclass(frozen=True)
class OwnedRun:
    """The run directory of a training, which writes only while the directory is its own."""

    run: Run
    claim: Claim
    processes: Processes
    tracking: Tracking

    def log(self, progress: TrainingProgress, values: Mapping[str, float]) -> None:
        """Append a line of numbers to ``metrics.jsonl``, and pass them to the trackers.

        In the file, numbers that are not finite become null; trackers do not get them.

        Raises: PluxelError in all processes, as `write` does.
        """
        finite = {name: finite_or_none(value) for name, value in values.items()}
        place = recorded_step(progress.total, progress.phase)
        record = place | {"seconds": progress.seconds} | finite
        self.write(lambda: self.run.log(record))
        numbers = {"seconds": progress.seconds, **finite}
        self.tracking.scalars(
            progress.total, {name: one for name, one in numbers.items() if one is not None}
        )

    def write(self, write: Callable[[], None]) -> None:
        """Call ``write`` in the main process; the others wait until it returns.

        Raises: in all processes, Diverged, or PluxelError that names the checkpoint to resume from.
        """

        def write_as_owner() -> None:
            self.claim.check()
            write()

        try:
            self.processes.on_main_process(write_as_owner)
        except Diverged:
            raise
        except PluxelError as error:
            hint = "; --resume auto continues from it" if self.run.state.exists() else ""
            raise PluxelError(error.message, [*error.notes, last_good(self.run) + hint]) from error
