"""``pluxel train``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from ._options import config_argument, overrides, overwrite
from ._report import echo_report, report_option
from ._session import Session


@click.command()
@config_argument
@overrides
@click.option(
    "--run",
    "directory",
    metavar="DIRECTORY",
    type=click.Path(file_okay=False, path_type=Path),
    help="Run directory.  [default: runs/ and the name of CONFIG]",
)
@click.option(
    "--resume",
    type=click.Choice(["auto"]),
    help="Continue from the last checkpoint of the run directory, if it has one.",
)
@overwrite("Delete an existing run in the run directory, and start again.")
@report_option
@click.pass_obj
def train(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    directory: Path | None,
    resume: str | None,
    overwrite: bool,
    report: bool,
) -> None:
    """Train the pipeline that CONFIG describes: a YAML file or the name of a shipped one.

    Ctrl-C (or SIGTERM, SIGHUP) saves the state and stops; --resume auto continues from there.
    --overwrite deletes an existing run and keeps all other files in its directory.
    """
    if overwrite and resume:
        raise click.UsageError("--overwrite starts again, --resume continues: give only one.")
    from ..common.garbage import no_collection

    with ExitStack() as start:
        start.enter_context(no_collection())  # until the first step
        from ..common.logs import images_counted
        from ..common.progress import configure_logging
        from ..common.randomness import make_deterministic
        from ..config._load import load_config
        from ..engine.distributed import is_main_process
        from ..engine.preparation import prepare
        from ..engine.run import Run
        from ..engine.training.check import check_training
        from ..engine.training.experiment import Experiment
        from ..engine.training.train import Trainer

        configure_logging(quiet=not is_main_process())
        loaded = load_config(config, settings, host=session.host)
        run = Run(directory or Path("runs") / Path(config).stem)
        run.check_claim(loaded.source, resume=resume is not None, overwrite=overwrite)
        if loaded.pipeline.deterministic:
            make_deterministic()
        prepared = prepare(loaded)
        with images_counted():  # the check reads a sample, too
            check_training(prepared)
            experiment = Experiment(prepared, run)
            processes = experiment.processes
            with experiment.claimed():
                if resume is None:
                    # Another training may have ended here since the first check.
                    run.check_claim(loaded.source, resume=False, overwrite=overwrite)
                    experiment.clear_run()
                trainer = Trainer(experiment, resume=resume is not None)
                del experiment  # its model must not outlive its phase
                start.close()
                trainer.train()
    if processes.is_main_process:
        click.echo(f"weights: {run.weights}\nresults: {run.results_of('val')}")
        if report:
            echo_report(run.directory, "val", session.host)
