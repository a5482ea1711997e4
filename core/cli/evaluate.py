"""``pluxel evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ._options import (
    as_json,
    device,
    output,
    overrides,
    overwrite,
    refuse_existing,
    run_argument,
    split_option,
)
from ._report import echo_report, report_option
from ._session import Session


@click.command()
@run_argument
@overrides
@split_option("Key of `splits` in the configuration (train, val, …), or a split of the dataset.")
@output("JSON file to write.  [default: RUN/results.json for val, else RUN/results-SPLIT.json]")
@overwrite()
@device()
@as_json()
@report_option
@click.pass_obj
def evaluate(
    session: Session,
    run: Path,
    settings: tuple[str, ...],
    device: str | None,
    split: str,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
    report: bool,
) -> None:
    """Evaluate the weights of RUN, the directory of a training run, on a split.

    Reports pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU at the original image
    size: overall, per class and per image.

    KEY=VALUE changes the configuration of the run. The results record changes of dataset and
    evaluation, such as dataset.root=/elsewhere. After any other change, such as a different
    decoder, the results are not those of this run, and only --output writes them.
    """
    from ..common.progress import configure_logging
    from ..common.randomness import make_deterministic
    from ..engine.distributed import is_main_process
    from ..engine.evaluation.evaluate_run import evaluate_run
    from ..engine.evaluation.table import table
    from ..engine.trained import open_trained

    refuse_existing(output, overwrite=overwrite)
    configure_logging(quiet=not is_main_process())
    trained = open_trained(run, settings, device=device, host=session.host)
    if trained.config.pipeline.deterministic:
        make_deterministic()
    results, written = evaluate_run(trained, split, output=output)
    if not is_main_process():
        return
    click.echo(json.dumps(results, indent=2) if as_json else table(results))
    unwritten = "not written, since they are not those of the run; --output FILE writes them"
    click.echo(f"results: {written or unwritten}", err=as_json)
    if report and written and not output:
        echo_report(run, split, session.host, err=as_json)
