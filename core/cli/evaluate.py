"""``pluxel evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ._options import device, overrides, run_argument
from ._session import Session


@click.command()
@run_argument
@overrides
@device
@click.option(
    "--split",
    default="val",
    show_default=True,
    help="A role in the configuration's splits (train, val …), or a split of the dataset.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the JSON goes.  [default: results.json in RUN for val, else results-SPLIT.json]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of a table.")
@click.pass_obj
def evaluate(
    session: Session,
    run: Path,
    overrides: tuple[str, ...],
    settings: tuple[str, ...],
    device: str | None,
    split: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure the weights of RUN, a directory that pluxel train made, on a split.

    Pixel accuracy, mean accuracy, mean IU and frequency-weighted IU, overall, per class and per
    image, at the images' own size. Values of the run's configuration can be changed: those of
    dataset and evaluation, such as dataset.root=/elsewhere, are noted in the results; with others,
    such as another decoder, the results are not the run's, and only --output writes them.
    """
    from accelerate import PartialState  # noqa: PLC0415 - the help stays light

    from ..common.progress import configure_logging  # noqa: PLC0415
    from ..engine.evaluation.table import table  # noqa: PLC0415
    from ..engine.trained import evaluate_run  # noqa: PLC0415

    configure_logging()
    results, written = evaluate_run(
        run, split, (*overrides, *settings), host=session.host, device=device, output=output
    )
    if not PartialState().is_main_process:
        return
    click.echo(json.dumps(results, indent=2) if as_json else table(results))
    unwritten = "not written, being those of a changed run; --output FILE writes them"
    click.echo(f"results: {written or unwritten}", err=as_json)
