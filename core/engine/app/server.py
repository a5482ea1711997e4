"""Serve the page: uploads of photographs, and queries of their pixels."""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ....registry import PluxelError, needed_by
from ...common.local_server import is_allowed, is_same_origin
from ...common.logs import logger
from ...common.text import byte_size
from ...data.images import IMAGE_SUFFIXES
from ...pictures.page import render
from ..inference.pipeline import Pipeline
from .results import segment
from .storage import DiskLimitError, ResultStore
from .turns import Turns

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass
class SegmentationService:
    """Segments photographs into a store of results.

    ``upload_limit``: largest upload, in bytes. ``stopped``: ends the work in progress, of which
    ``turns`` runs one at a time.
    """

    pipelines: Mapping[str, Pipeline]
    store: ResultStore
    upload_limit: int
    stopped: Event = field(default_factory=Event)
    turns: Turns = field(default_factory=Turns)

    def segment(self, run: str, photo: Path, name: str, left: Event) -> dict[str, Any]:
        """Segment a file by a run, and keep the result; return what the page shows.

        ``name``: of the file, for errors. ``left``: set when the client disconnects; ends the work.

        Raises: PluxelError if the file is not a photograph; DiskLimitError.
        """
        # Half of the disk for the photograph on the page, so that it does not replace the last one.
        most = self.store.limit // (2 * len(self.pipelines))
        with self.store.writing(name) as folder:
            try:
                found = segment(
                    self.pipelines[run],
                    photo,
                    folder.path,
                    reserve=folder.reserve,
                    most_probabilities=most,
                    is_stopped=lambda: self.stopped.is_set() or left.is_set(),
                )
            except DiskLimitError:
                raise
            except PluxelError as error:
                raise PluxelError(str(error).replace(str(photo), name)) from error
            folder.keep()
        return {"id": folder.path.name, **found}


def require_server() -> None:
    """Check that the page can be served. Raises: MissingPackage."""
    with needed_by("pluxel app"):
        import starlette  # noqa: F401, PLC0415 - an extra
        import uvicorn  # noqa: F401, PLC0415 - an extra


def serve(
    pipelines: Mapping[str, Pipeline],
    listening: socket.socket,
    *,
    hosts: Sequence[str],
    upload_limit: int,
    disk_limit: int,
) -> bool:
    """Serve the page until Ctrl-C; return whether a thread is still segmenting a photograph.

    ``pipelines``: by the name of each run. ``listening``: as `listen` returns. ``hosts``: names by
    which browsers may address this machine, besides its IP addresses. ``upload_limit``: bytes of an
    upload. ``disk_limit``: bytes of all uploads and results; no more than are free now.
    """
    import uvicorn  # noqa: PLC0415 - an extra

    with TemporaryDirectory(prefix="pluxel-app-", ignore_cleanup_errors=True) as folder:
        store = ResultStore(Path(folder), min(disk_limit, shutil.disk_usage(folder).free))
        service = SegmentationService(pipelines, store, upload_limit)
        config = uvicorn.Config(
            application(service, hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            ws="none",
            lifespan="off",
        )

        class Server(uvicorn.Server):
            """Also stops the work, and logs nothing about requests that end with it."""

            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                service.stopped.set()
                super().handle_exit(sig, frame)

        log = logging.getLogger("uvicorn.error")
        only_before = _until(service.stopped)
        log.addFilter(only_before)
        try:
            Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises it again when it has ended
            pass
        finally:
            log.removeFilter(only_before)
        return service.turns.is_busy


def _until(stopped: Event) -> Callable[[logging.LogRecord], bool]:
    return lambda _record: not stopped.is_set()


def application(service: SegmentationService, hosts: Sequence[str]) -> Starlette:
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
        data={"runs": [*service.pipelines], "limit": service.upload_limit},
        suffixes=sorted(IMAGE_SUFFIXES),
    )

    async def index(_request: Request) -> Response:
        return HTMLResponse(page)

    async def upload(request: Request) -> Response:
        runs = [*service.pipelines]
        number = request.path_params["run"]
        if not 0 <= number < len(runs):
            return JSONResponse({"error": f"the page has no run {number}; reload it"}, 404)
        name = _name_of(request)
        with service.store.writing(name) as place:
            # Errors show the name that the person knows; on disk, only its suffix is theirs.
            photo = place.path / f"photo{_suffix(name)}"
            size = 0
            with photo.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > service.upload_limit:
                        limit = f"the limit of {byte_size(service.upload_limit)}"
                        text = f"{name}: exceeds {limit}; --upload-limit raises it"
                        return JSONResponse({"error": text}, 413)
                    await run_sync(place.reserve, len(chunk))
                    await run_sync(file.write, chunk)
            work = partial(service.segment, runs[number], photo, name)
            return JSONResponse(await service.turns.run(request.receive, work))

    async def picture(request: Request) -> ASGIApp:
        place = request.path_params

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            with service.store.reading(place["id"]) as result:
                await FileResponse(result.picture(place["name"]))(scope, receive, send)

        return respond

    async def pixel(request: Request) -> Response:
        place = request.path_params
        with service.store.reading(place["id"]) as result:
            found = await run_sync(result.pixel, place["row"], place["column"])
        return JSONResponse(found)

    async def on_error(_request: Request, error: Exception) -> Response:
        status = 507 if isinstance(error, DiskLimitError) else 422
        return JSONResponse({"error": str(error)}, status)

    async def on_disconnect(request: Request, _error: Exception) -> Response:
        logger.info("%s: client disconnected; result discarded", _name_of(request))
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
        exception_handlers={PluxelError: on_error, ClientDisconnect: on_disconnect},
    )


class _Guard:
    """Refuses unknown host names and cross-origin requests; adds headers to all responses."""

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
            name = host.rpartition(":")[0] or host
            text = f"the name {name!r} is not allowed: start the app with --allow-host {name}"
            await PlainTextResponse(text, 421)(scope, receive, guarded)
        elif not is_same_origin(headers.get("origin"), host):
            await PlainTextResponse("cross-origin request refused", 403)(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)


def _name_of(request: Request) -> str:
    """Return the name of an upload without folders, at most 200 letters."""
    name = unquote(request.headers.get("x-name", ""))
    name = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[-200:] or "photo"


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if suffix in IMAGE_SUFFIXES else ""
