"""``pluxel predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...registry import PluxelError
from ._options import InputPath, device, output, overwrite, run_argument, settings
from ._session import Session

if TYPE_CHECKING:
    from ..engine.inference.pipeline import Tile


class _Save(click.Option):
    """An option whose help lists the kinds of output, imported only when shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help."""
        from ..engine.inference.outputs import OUTPUT_KINDS

        kinds = ", ".join(f"{kind.name} ({kind.summary})" for kind in OUTPUT_KINDS)
        self.help = f"Comma-separated kinds of output: {kinds}."
        return super().get_help_record(ctx)


def _kinds(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    from ..engine.inference.outputs import output_kinds

    chosen = tuple(part.strip() for part in value.split(","))
    try:
        output_kinds(chosen)
    except PluxelError as error:
        raise click.BadParameter(str(error)) from error
    return chosen


def _tile(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Tile:
    for word in ("auto", "off"):
        if value == word:
            return word
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"{value!r} is not auto, off or a number of pixels")


@click.command()
@run_argument
@click.argument("paths", nargs=-1, required=True, type=InputPath())
@output("Directory for the results, with a subfolder for each kind.", folder=True, required=True)
@overwrite()
@click.option(
    "--save",
    "kinds",
    cls=_Save,
    default="index,overlay",
    show_default=True,
    callback=_kinds,
    metavar="KINDS",
)
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    callback=_tile,
    metavar="auto|off|PIXELS",
    help="Side of the tiles; auto cuts large images only.",
)
@click.option("--stop-on-error", is_flag=True, help="Stop at the first unreadable image.")
@settings
@device()
@click.pass_obj
def predict(
    session: Session,
    run: Path,
    paths: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    kinds: tuple[str, ...],
    settings: tuple[str, ...],
    device: str | None,
    tile: Tile,
    stop_on_error: bool,
) -> None:
    """Segment images, or folders of images, with the weights of RUN.

    Each mask has the size of its image. --set changes the configuration of the run: --set
    'decoder={type: atrous, decoder: fcn32s}' computes denser scores with the same weights.

    Images of more than 4 megapixels are processed in tiles. The result equals that of the whole
    image; if a layer of the network depends on the whole image, tiles are blended instead. TIFF
    files are read and written by windows (pip install rasterio tifffile), so neither the image nor
    the mask needs to fit in memory.

    Unreadable images are reported and skipped; the exit code is then 1.
    """
    from ..common.progress import configure_logging
    from ..engine.inference.pipeline import Pipeline
    from ..engine.inference.saving import predict_files

    configure_logging()
    pipeline = Pipeline.load(run, settings, device=device, host=session.host)
    failed = predict_files(
        pipeline,
        paths,
        output,
        kinds,
        overwrite=overwrite,
        stop_on_error=stop_on_error,
        tile=tile,
    )
    click.echo(f"results: {output}")
    if failed:
        click.echo(f"{len(failed)} could not be read: {', '.join(map(str, failed))}", err=True)
        raise click.exceptions.Exit(1)
