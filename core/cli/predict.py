"""``pluxel predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...registry import PluxelError
from ._options import device, run_argument, settings
from ._session import Session

if TYPE_CHECKING:
    from ..engine.inference.pipeline import Tile


def _kinds(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    from ..engine.inference.saving import check_kinds  # noqa: PLC0415 - the help stays light

    chosen = tuple(part.strip() for part in value.split(","))
    try:
        check_kinds(chosen)
    except PluxelError as error:
        raise click.BadParameter(str(error)) from error
    return chosen


def _tile(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Tile:
    for word in ("auto", "off"):
        if value == word:
            return word
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither auto nor off nor a number of pixels")


@click.command()
@run_argument
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the results; each kind gets a folder of its own in it.",
)
@click.option(
    "--save",
    "kinds",
    default="index,overlay",
    show_default=True,
    callback=_kinds,
    help="Any of index (raw ids, PNG), color, overlay (PNG), prob (NPZ: (C, H, W) float16).",
)
@settings
@device
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    callback=_tile,
    metavar="auto|off|PIXELS",
    help="Side of the pieces in which a large image goes through the network.",
)
@click.option("--stop-on-error", is_flag=True, help="Stop at the first image that cannot be read.")
@click.pass_obj
def predict(
    session: Session,
    run: Path,
    paths: tuple[Path, ...],
    output: Path,
    kinds: tuple[str, ...],
    settings: tuple[str, ...],
    device: str | None,
    tile: Tile,
    stop_on_error: bool,
) -> None:
    """Segment images, or folders of them, with the weights of RUN.

    Masks have the size of their images. Values of the run's configuration can be changed: --set
    'decoder={type: atrous, decoder: fcn32s}' scores more densely with the same weights.

    Images of more than 4 megapixels go through the network in tiles, with the result of the whole
    (but blended, where some layer of the network sees the whole image); TIFF files by windows into
    TIFF files (pip install 'pluxel[tiff]'), so that neither image nor mask need fit into memory.

    An image that cannot be read is named and left out; the exit code is then 1.
    """
    from ..common.progress import configure_logging  # noqa: PLC0415
    from ..engine.inference.pipeline import Pipeline  # noqa: PLC0415 - the help stays light
    from ..engine.inference.saving import predict_files  # noqa: PLC0415

    configure_logging()
    pipeline = Pipeline.load(run, settings, device=device, host=session.host)
    failed = predict_files(pipeline, paths, output, kinds, stop_on_error=stop_on_error, tile=tile)
    click.echo(f"results: {output}")
    if failed:
        click.echo(f"{len(failed)} could not be read: {', '.join(map(str, failed))}", err=True)
        raise click.exceptions.Exit(1)
