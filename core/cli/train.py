"""``pluxel train``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ._options import overrides
from ._session import Session


@click.command()
@click.argument("config")
@overrides
@click.option(
    "--run",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the run.  [default: runs/ and the name of CONFIG]",
)
@click.option(
    "--resume",
    type=click.Choice(["auto"]),
    help="auto: go on from the last checkpoint in the run's directory, if there is one.",
)
@click.option("--overwrite", is_flag=True, help="Delete a run that is there already.")
@click.pass_obj
def train(
    session: Session,
    config: str,
    overrides: tuple[str, ...],
    settings: tuple[str, ...],
    directory: Path | None,
    resume: str | None,
    overwrite: bool,
) -> None:
    """Train the pipeline that CONFIG, a file or the name of a shipped one, describes.

    Ctrl-C (or SIGTERM) saves the state and ends; --resume auto goes on from there.
    """
    from ...registry import PluxelError  # noqa: PLC0415 - the help stays light
    from ..config import load_config  # noqa: PLC0415
    from ..engine import Experiment, Run, Trainer  # noqa: PLC0415
    from ..progress import configure_logging  # noqa: PLC0415

    configure_logging()
    loaded = load_config(config, (*overrides, *settings), host=session.host)
    run = Run(directory or Path("runs") / Path(config).stem)
    if overwrite and run.exists():
        shutil.rmtree(run.directory)
    if run.exists() and resume is None:
        raise PluxelError(
            f"{run.directory} holds a run already: --resume auto goes on with it, "
            "--run DIRECTORY trains elsewhere, --overwrite deletes it"
        )
    Trainer(Experiment(loaded, run)).train(resume=resume is not None)
    click.echo(f"weights: {run.weights}\nresults: {run.results_of('val')}")
