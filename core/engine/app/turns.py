"""Run the work of requests one after another, and discard that of disconnected clients."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from starlette.types import Receive

TurnResult = TypeVar("TurnResult")


class Turns:
    """Runs work in a thread, one request at a time, in order of arrival."""

    def __init__(self) -> None:
        from anyio import CapacityLimiter  # noqa: PLC0415 - an extra

        self._limiter = CapacityLimiter(1)
        self.is_busy = False
        """Whether work is running now, also that of a server that has ended."""

    async def run(self, receive: Receive, work: Callable[[Event], TurnResult]) -> TurnResult:
        """Wait for the turn of a request, whose body has been read, and return its result.

        ``work`` gets an event that is set when the client disconnects, and should then end early.
        If the client disconnects before its turn, the work does not start.

        Raises: ClientDisconnect if the client has disconnected; otherwise what ``work`` raises.
        """
        from anyio import create_task_group  # noqa: PLC0415 - an extra
        from anyio.to_thread import run_sync  # noqa: PLC0415
        from starlette.requests import ClientDisconnect  # noqa: PLC0415

        left: Event = Event()
        result: Future[TurnResult] = Future()

        def attempt() -> None:
            self.is_busy = True
            try:
                result.set_result(work(left))
            except Exception as error:  # noqa: BLE001 - raised again by `result`
                result.set_exception(error)
            finally:
                self.is_busy = False

        async with create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                left.set()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await run_sync(attempt, limiter=self._limiter)
            tasks.cancel_scope.cancel()
        if left.is_set():
            raise ClientDisconnect
        return result.result()
