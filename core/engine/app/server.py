"""Serve the page: uploads of photographs, and answers about their pixels."""

from __future__ import annotations

import logging
import secrets
import shutil
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ....registry import PluxelError, needed_by
from ...common.local_server import is_allowed, is_same_origin
from ...data.images import IMAGE_SUFFIXES
from ...pictures.page import render
from ..inference.pipeline import Pipeline
from .results import Kept, segment

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

KEPT = 8
"""Results that are kept on disk, the latest; the page asks about those that it shows."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass
class Desk:
    """Segments photographs one after another, and keeps the latest results in a folder.

    ``limit``: bytes of an upload at most.
    """

    pipelines: Mapping[str, Pipeline]
    folder: Path
    limit: int
    results: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)
    stopped: Event = field(default_factory=Event)

    @property
    def is_busy(self) -> bool:
        """Whether a photograph is being segmented."""
        return self.lock.locked()

    def segment(self, run: str, photo: Path, name: str) -> dict[str, Any]:
        """Segment a file by a run; ``name``: of the file, for errors.

        Raises: PluxelError if the file is not a photograph.
        """
        identifier = secrets.token_hex(8)
        folder = self.folder / identifier
        folder.mkdir()
        try:
            with self.lock:
                found = segment(self.pipelines[run], photo, folder, self.stopped)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, PluxelError):
                raise PluxelError(str(error).replace(str(photo), name)) from error
            raise
        self.results[identifier] = Kept(folder)
        while len(self.results) > max(KEPT, 2 * len(self.pipelines)):
            _, old = self.results.popitem(last=False)
            shutil.rmtree(old.folder, ignore_errors=True)
        return {"id": identifier, **found}

    def kept(self, identifier: str) -> Kept:
        """Return a result. Raises: PluxelError if it is not kept any more."""
        try:
            return self.results[identifier]
        except KeyError:
            raise PluxelError(
                "this result is not kept any more; drop the photograph again"
            ) from None


def require_server() -> None:
    """Check that the page can be served. Raises: MissingPackage."""
    with needed_by("pluxel app"):
        import starlette  # noqa: F401, PLC0415 - an extra
        import uvicorn  # noqa: F401, PLC0415 - an extra


def serve(
    pipelines: Mapping[str, Pipeline], listening: socket.socket, *, hosts: Sequence[str], limit: int
) -> bool:
    """Serve the page until Ctrl-C; return whether a thread is still segmenting a photograph.

    ``pipelines``: by the name of each run. ``listening``: as `listen` returns. ``hosts``: names by
    which browsers may ask for this machine, besides its numbers. ``limit``: bytes of an upload.
    """
    import uvicorn  # noqa: PLC0415 - an extra

    with TemporaryDirectory(prefix="pluxel-app-", ignore_cleanup_errors=True) as folder:
        desk = Desk(pipelines, Path(folder), limit)
        config = uvicorn.Config(
            application(desk, hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ws="none",
            lifespan="off",
        )

        class Server(uvicorn.Server):
            """Stops the work, too, and says nothing of requests that end with it."""

            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                desk.stopped.set()
                super().handle_exit(sig, frame)

        log = logging.getLogger("uvicorn.error")
        only_before = _until(desk.stopped)
        log.addFilter(only_before)
        try:
            Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises it again when it has ended
            pass
        finally:
            log.removeFilter(only_before)
        return desk.is_busy


def _until(stopped: Event) -> Callable[[logging.LogRecord], bool]:
    return lambda _record: not stopped.is_set()


def application(desk: Desk, hosts: Sequence[str]) -> Starlette:
    """Return the application that serves the page."""
    from anyio.to_thread import run_sync  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.middleware import Middleware  # noqa: PLC0415
    from starlette.requests import ClientDisconnect  # noqa: PLC0415
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    page = render(
        "app.html",
        "Pluxel",
        package="pluxel.core.engine.app",
        scripts=["app.js"],
        sources={"connect-src": "'self'", "img-src": "'self'"},
        data={"runs": [*desk.pipelines], "limit": desk.limit},
        suffixes=sorted(IMAGE_SUFFIXES),
    )

    async def index(_request: Request) -> Response:
        return HTMLResponse(page)

    async def upload(request: Request) -> Response:
        runs = [*desk.pipelines]
        number = request.path_params["run"]
        if not 0 <= number < len(runs):
            return JSONResponse({"error": "there is no such run"}, 404)
        name = _plain_name(unquote(request.headers.get("x-name", "")))
        with TemporaryDirectory(dir=desk.folder) as place:
            # Errors show the name that the person knows; on disk, only its suffix is theirs.
            photo = Path(place, f"photo{_suffix(name)}")
            size = 0
            with photo.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > desk.limit:
                        text = f"{name}: larger than {desk.limit / 1e6:,.0f} MB, the limit"
                        return JSONResponse({"error": f"{text}; --upload-limit raises it"}, 413)
                    await run_sync(file.write, chunk)
            found = await run_sync(desk.segment, runs[number], photo, name)
        return JSONResponse(found)

    async def picture(request: Request) -> Response:
        parameters = request.path_params
        path = desk.kept(parameters["id"]).picture(parameters["name"])
        return FileResponse(path)

    async def pixel(request: Request) -> Response:
        place = request.path_params
        found = await run_sync(desk.kept(place["id"]).pixel, place["row"], place["column"])
        return JSONResponse(found)

    async def told(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    async def left(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"error": "the upload was interrupted"}, 400)

    routes = [
        Route("/", index),
        Route("/predict/{run:int}", upload, methods=["POST"]),
        Route("/results/{id}/pixel/{row:int}/{column:int}", pixel),
        Route("/results/{id}/{name}", picture),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_Guard, hosts)],
        exception_handlers={PluxelError: told, ClientDisconnect: left},
    )


class _Guard:
    """Refuses requests by strange names or from pages of others; adds headers to all answers."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import Headers, MutableHeaders  # noqa: PLC0415
        from starlette.responses import PlainTextResponse  # noqa: PLC0415

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_allowed(host, self.hosts):
            text = f"this server is not {host!r}; --host names the one that it has"
            await PlainTextResponse(text, 421)(scope, receive, guarded)
        elif not is_same_origin(headers.get("origin"), host):
            await PlainTextResponse("asked by a page of others", 403)(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)


def _plain_name(name: str) -> str:
    """Return the name of an upload without folders, at most 200 letters."""
    name = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[-200:] or "photo"


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if suffix in IMAGE_SUFFIXES else ""
