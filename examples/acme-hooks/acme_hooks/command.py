"""``pluxel journal``."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pluxel.registry import PluxelError

from .journal import file_of


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def journal(run: Path) -> None:
    """Print the journal of RUN, the directory of a training run."""
    file = file_of(run)
    if not file.is_file():
        raise PluxelError(f"{run} has no journal: it was trained without acme-hooks")
    click.echo("step   split   updates   loss")
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        loss = "–" if line["loss"] is None else f"{line['loss']:.4f}"
        click.echo(f"{line['step']:>4}   {line['split']:<5}   {line['updates']:>7}   {loss}")
