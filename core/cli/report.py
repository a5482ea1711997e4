"""``pluxel report``."""

from __future__ import annotations

from pathlib import Path

import click

from ._options import output, overwrite, refuse_existing, runs_argument, split_option
from ._run_names import names_of_runs
from ._session import Session


@click.command()
@runs_argument("RUN...", exist=False)
@split_option("Split whose results to show.")
@output(
    "Directory for the pages.  [default: each RUN, as report.html or report-SPLIT.html]",
    folder=True,
)
@overwrite("Replace existing pages in --output.")
@click.option(
    "--serve",
    is_flag=True,
    help="Serve the page of one RUN on this machine, and update it during a training, which may "
    "start later.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8321,
    show_default=True,
    help="Port for --serve; 0 chooses a free one.",
)
@click.pass_obj
def report(
    session: Session,
    runs: tuple[Path, ...],
    split: str,
    output: Path | None,
    overwrite: bool,
    serve: bool,
    port: int,
) -> None:
    """Write a web page about each RUN: scores, pictures, curves and configuration.

    A page is one file that needs no network. It shows scores with 95 % intervals, each class,
    confusion, reliability and sizes of objects; images with truth, prediction and errors; curves;
    the pipeline; and where each value of the configuration comes from.

    pluxel train and pluxel evaluate also write it. A run that is still training, or that lacks
    results or images, gets a page with what is available.
    """
    from ..engine.report.page import write_report

    if serve:
        if len(runs) > 1 or output:
            raise click.UsageError("--serve shows one RUN and writes no file.")
        _serve(session, next(iter(runs)), split, port)
        return
    named = _named(runs, split, output)
    for file in named.values():
        refuse_existing(file, overwrite=overwrite)
    for run in runs:
        click.echo(write_report(run, split, host=session.host, output=named.get(run)))


def _named(runs: tuple[Path, ...], split: str, folder: Path | None) -> dict[Path, Path]:
    """Return the page of each run in a folder, named as the directory of the run and the split."""
    from ..engine.run import Run

    if folder is None:
        return {}
    ending = Run(Path()).report_of(split).name.removeprefix("report")
    names = [name.replace("/", "-") for name in names_of_runs(runs)]
    return {run: folder / f"{name}{ending}" for run, name in zip(runs, names, strict=True)}


def _serve(session: Session, run: Path, split: str, port: int) -> None:
    from contextlib import suppress
    from threading import Event

    from ..engine.report.serve import LivePage, served
    from ..engine.run import Run
    from ..engine.watching import STATES, is_awaited

    page = LivePage(run, split, session.host)
    with served(page.content, page.version, port) as address:
        click.echo(f"{address}  (Ctrl-C ends)")
        if is_awaited(Run(run)):
            click.echo(STATES["waiting"])
        with suppress(KeyboardInterrupt):
            Event().wait()
