"""``pluxel train``."""

from __future__ import annotations

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
@click.option(
    "--overwrite",
    is_flag=True,
    help="Delete a run that is there already; other files in its directory stay.",
)
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
    from ..common.progress import configure_logging  # noqa: PLC0415
    from ..config._load import load_config  # noqa: PLC0415 - the help stays light
    from ..engine.run import Run  # noqa: PLC0415
    from ..engine.training.check import check_training  # noqa: PLC0415
    from ..engine.training.experiment import Experiment  # noqa: PLC0415
    from ..engine.training.train import Trainer  # noqa: PLC0415

    if overwrite and resume:
        raise click.UsageError("--overwrite starts anew, --resume goes on: give one of them.")
    configure_logging()
    loaded = load_config(config, (*overrides, *settings), host=session.host)
    run = Run(directory or Path("runs") / Path(config).stem)
    run.check_claim(loaded.source, resume=resume is not None, overwrite=overwrite)
    check_training(loaded)
    experiment = Experiment(loaded, run)
    if resume is None:
        experiment.clear_run()
    Trainer(experiment).train(resume=resume is not None)
    if experiment.accelerator.is_main_process:
        click.echo(f"weights: {run.weights}\nresults: {run.results_of('val')}")
