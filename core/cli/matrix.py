"""``pluxel matrix``: try many networks under every decoder."""

from __future__ import annotations

from pathlib import Path

import click

from ._completed import completed_component
from ._options import output, overwrite, refuse_existing
from ._session import Session


@click.command()
@click.option(
    "--backbones",
    metavar="NAME",
    multiple=True,
    default=("all",),
    show_default=True,
    help="A backbone that offers many networks; all: every one. Repeatable.",
    shell_complete=completed_component("backbone", "all"),
)
@click.option(
    "--models",
    metavar="PATTERN",
    default="*",
    show_default=True,
    help="Try the networks whose names match, such as 'resnet*'.",
)
@click.option(
    "--decoders",
    metavar="NAME",
    multiple=True,
    default=("all",),
    show_default=True,
    help="A decoder to try; all: every decoder that needs no parameters. Repeatable.",
    shell_complete=completed_component("decoder", "all"),
)
@click.option(
    "--budget",
    metavar="GIGA",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="Compute values if a pass forward takes at most this many operations, in 10⁹; larger "
    "networks compute shapes only. 0: shapes only.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Time limit of each network.",
)
@click.option(
    "--memory",
    metavar="GIB",
    type=click.FloatRange(min=0, min_open=True),
    default=8.0,
    show_default=True,
    help="Memory limit of each network, in GiB.",
)
@output("File of results. Networks that it already has are not tried again.", "matrix.json")
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a summary as Markdown.",
)
@overwrite("Replace an existing summary.")
@click.pass_obj
def matrix(
    session: Session,
    backbones: tuple[str, ...],
    models: str,
    decoders: tuple[str, ...],
    budget: float,
    seconds: float,
    memory: float,
    output: Path,
    page: Path | None,
    overwrite: bool,
) -> None:
    """Try many networks under every decoder.

    Builds each network with random weights and runs it forward and backward under every decoder,
    at its own size and at 97×131 pixels, in a process of its own. Checks that its maps lie on the
    grids that it declares. You can interrupt it; the next run resumes.
    """
    from ..common.files import write_text
    from ..common.progress import configure_logging
    from ..engine.matrix.page import summary
    from ..engine.matrix.run import Limits, Plugins, run_matrix

    configure_logging()
    refuse_existing(page, overwrite=overwrite)
    plugins = Plugins(session.plugins, session.allow, session.deny)
    limits = Limits(seconds, memory, budget)
    results = run_matrix(plugins, backbones, models, decoders, limits, output)
    text = summary(results)
    if page is not None:
        write_text(page, text)
    click.echo(text if page is None else f"wrote {output} and {page}")
