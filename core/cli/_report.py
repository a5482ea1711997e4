"""The report that a command writes after its work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ...registry import Host

report_option = click.option(
    "--report/--no-report",
    default=True,
    show_default=True,
    help="Write the web page that pluxel report writes.",
)


def echo_report(run: Path, split: str, host: Host, *, err: bool = False) -> None:
    """Write the report of a run and print its file; a failure only warns."""
    from ..engine.report.page import try_report

    if page := try_report(run, split, host=host):
        click.echo(f"report: {page}", err=err)
