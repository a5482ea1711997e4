"""``pluxel app``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import click

from ._options import device, runs_argument, settings
from ._run_names import names_of_runs
from ._session import Session

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@runs_argument("RUN...")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; by default, only this machine can open the page.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8484,
    show_default=True,
    help="Port to listen at; 0 chooses a free one.",
)
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="Another name by which browsers reach this server, such as that of a proxy; repeatable.",
)
@click.option(
    "--upload-limit",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    metavar="MB",
    help="Maximum upload size.",
)
@click.option(
    "--disk-limit",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    metavar="GB",
    help="Maximum size of all photographs and results on disk.",
)
@settings
@device()
@click.pass_obj
def app(
    session: Session,
    runs: tuple[Path, ...],
    host: str,
    port: int,
    names: tuple[str, ...],
    upload_limit: int,
    disk_limit: int,
    settings: tuple[str, ...],
    device: str | None,
) -> None:
    """Open a page on this machine to try RUNs on photographs (pip install anyio starlette uvicorn).

    Drop a photograph, and see the classes of each RUN over it, side by side. Click a pixel for its
    classes and probabilities. Download masks, which are those of pluxel predict.

    The page and the photographs stay on this machine: nothing is sent elsewhere. Results are kept
    in a temporary folder until Ctrl-C, or until newer ones need the space.
    """
    from ..common.local_server import listen
    from ..common.progress import configure_logging
    from ..engine.app.results import check_pipeline
    from ..engine.app.server import require_server, serve
    from ..engine.inference.pipeline import Pipeline

    configure_logging()
    require_server()
    with listen(host, port) as listening:
        pipelines = {}
        for name, run in zip(names_of_runs(runs), runs, strict=True):
            pipelines[name] = Pipeline.load(run, settings, device=device, host=session.host)
            check_pipeline(pipelines[name], run)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{listening.getsockname()[1]}  (Ctrl-C stops it)")
        if host not in _LOOPBACK:
            click.echo("other machines can open this page: it has no password", err=True)
        is_busy = serve(
            pipelines,
            listening,
            hosts=[host, socket.gethostname(), *names],
            upload_limit=upload_limit * 1_000_000,
            disk_limit=disk_limit * 1_000_000_000,
        )
    click.echo("stopped")
    if is_busy:  # PyTorch computes in a thread, for which Python would wait
        sys.stdout.flush()
        os._exit(0)
