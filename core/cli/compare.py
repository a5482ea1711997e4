"""``pluxel compare``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click

from ._options import as_json, output, overwrite, refuse_existing, runs_argument, split_option
from ._session import Session


@click.command()
@runs_argument("RUN RUN...")
@split_option("Split that the runs share.")
@click.option(
    "--samples",
    type=click.IntRange(100, 20_000),
    default=2000,
    show_default=True,
    help="Resamples of the bootstrap.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the resamples.",
)
@click.option(
    "--images",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Number of images to list, those that differ most; of similar neighbors, only one.",
)
@click.option(
    "--common",
    is_flag=True,
    help="Compare what the runs have in common if images, ground truth or classes differ.",
)
@output("Also write a web page, with pictures of these images.")
@overwrite()
@as_json()
@click.pass_obj
def compare(
    session: Session,
    runs: tuple[Path, ...],
    split: str,
    samples: int,
    seed: int,
    images: int,
    common: bool,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare runs with the first RUN, on the images that all were evaluated on.

    Prints what differs in their configurations, and for each score the difference with its 95 %
    interval and the probability that the other run is better. A paired bootstrap resamples images,
    in blocks that keep similar images together: the groups that the dataset names, such as videos,
    or runs of neighboring names. Also names the images whose mean IoU differs most.

    Every RUN needs results on the split, which trainings and pluxel evaluate write.
    """
    from ..common.files import write_text
    from ..engine.comparison.compare import compare as compare_runs
    from ..engine.comparison.table import comparison_table
    from ..engine.report.compare_page import comparison_page

    if len(runs) < 2:
        raise click.UsageError("Give two runs or more.")
    refuse_existing(output, overwrite=overwrite)
    found = compare_runs(
        runs,
        split,
        host=session.host,
        samples=samples,
        seed=seed,
        allow_partial=common,
        images=images,
    )
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    text = json.dumps(found.to_json(), indent=2) if as_json else comparison_table(found, width)
    click.echo(text)
    if output:
        write_text(output, comparison_page(found, session.host))
        click.echo(f"page: {output}", err=as_json)
