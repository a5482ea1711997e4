"""A run directory belongs to one training at a time.

The owner keeps a lease in the directory: a file with its host, process and start of process, which
it touches every few seconds. A lease also works where file locks do not: on file systems that
several machines share, and between containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from ....registry import PluxelError
from ...common.files import cannot_write
from ...common.logs import logger
from ..distributed import Processes
from ..run import SIGN_OF_LIFE, Run

_HEARTBEAT = 2.0
"""Seconds between two signs of life."""


class Claim:
    """The right to write to a run directory; several blocks of one training may nest."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = Run(directory).lock
        self._lease = SoftFileLease(
            self.file,
            lease_duration=SIGN_OF_LIFE,
            heartbeat_interval=_HEARTBEAT,
            thread_local=False,
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Own the directory while the block runs. A directory that stays empty is deleted again.

        Raises: PluxelError if another training owns it or the lease cannot be written.
        """
        is_new = not self.directory.exists()
        self._acquire()
        try:
            yield
        finally:
            self._lease.release()
            if is_new:
                with suppress(OSError):  # not empty
                    self.directory.rmdir()

    def _acquire(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                self._lease.acquire(timeout=0)
            except Timeout:
                self._outlive()
        except (Timeout, LeaseSettingsMismatch) as error:
            raise PluxelError(
                f"{self.directory} belongs to another training{self._owner()}: wait for its end, "
                f"or choose another directory with --run DIRECTORY. If no training runs, delete "
                f"{self.file}"
            ) from error
        except OSError as error:
            raise cannot_write(self.file, error) from error

    def _outlive(self) -> None:
        """Take the lease of an owner that gives no sign of life.

        Only on this machine can a dead owner be detected immediately.

        Raises: Timeout at a sign of life.
        """
        logger.info(
            "%s: waiting for a sign of life of the training that owns it%s (up to %.0f s)",
            self.directory,
            self._owner(),
            SIGN_OF_LIFE,
        )
        before = self._touched()
        self._lease.acquire(
            timeout=SIGN_OF_LIFE + _HEARTBEAT,
            poll_interval=_HEARTBEAT / 4,
            cancel_check=lambda: self._touched() not in (before, None),
        )

    def _touched(self) -> int | None:
        """Return when the lease was last touched, by the clock of its owner."""
        with suppress(OSError):
            return self.file.stat().st_mtime_ns
        return None

    def _owner(self) -> str:
        owner = self._lease.owner
        if owner is None:
            return ""
        host = owner.hostname.partition("?")[0]  # without the number of a container's namespace
        return f" (process {owner.pid} on {host})"

    def check(self) -> None:
        """Check that this process still owns the directory.

        Raises: PluxelError if the lease was deleted, or if another training took it over because
        this process stood still for too long.
        """
        owner = self._lease.owner
        if owner is None or owner.token != self._lease.token:
            what = (
                f"{self.file} was deleted"
                if owner is None
                else f"another training owns it{self._owner()}"
            )
            raise PluxelError(f"{self.directory} no longer belongs to this training: {what}")


@contextmanager
def held_by_all(claim: Claim, processes: Processes) -> Iterator[None]:
    """Own the directory of a claim while the block runs, together with all processes.

    Raises: PluxelError, in all processes, if another training owns it.
    """
    with ExitStack() as stack:
        processes.on_main_process(lambda: stack.enter_context(claim.held()))
        yield
