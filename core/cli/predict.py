"""``pluxel predict``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...registry import PluxelError
from ._completed import completed, completed_words
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


class NamedPath(InputPath):
    """``PATH`` or ``INPUT=PATH``, as a pair of a name, which may be empty, and a path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name and the path."""
        if isinstance(value, tuple):
            return value
        name, equals, path = str(value).partition("=")
        is_named = equals and name.isidentifier() and not Path(value).exists()
        if is_named and (Path(path).exists() or "*" in path):
            return name, super(InputPath, self).convert(path, param, ctx)
        return "", super().convert(value, param, ctx)


def by_input(paths: Sequence[tuple[str, Path]]) -> list[Path] | dict[str, Path]:
    """Return paths without names, or by name. Raises: UsageError for both, and repeated names."""
    if not any(name for name, _ in paths):
        return [path for _, path in paths]
    named: dict[str, Path] = {}
    for name, path in paths:
        if not name or name in named:
            problem = f"{path} has no name" if not name else f"input '{name}' is given twice"
            raise click.UsageError(f"{problem}: give one INPUT=PATH for each input")
        named[name] = path
    return named


@click.command()
@run_argument
@click.argument("paths", nargs=-1, required=True, type=NamedPath())
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
    shell_complete=completed("outputs"),
)
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    callback=_tile,
    metavar="auto|off|PIXELS",
    shell_complete=completed_words("auto", "off"),
    help="Side of the tiles; auto cuts large images only.",
)
@click.option("--stop-on-error", is_flag=True, help="Stop at the first unreadable file.")
@settings
@device()
@click.pass_obj
def predict(
    session: Session,
    run: Path,
    paths: tuple[tuple[str, Path], ...],
    output: Path,
    overwrite: bool,
    kinds: tuple[str, ...],
    settings: tuple[str, ...],
    device: str | None,
    tile: Tile,
    stop_on_error: bool,
) -> None:
    """Segment images, videos, or folders of them, with the weights of RUN.

    If the network reads several inputs, give each by its name: image=photos hha=hha. Files with
    equal names belong together; a * stands for the name if they end differently, as in
    'hha=hha/*_hha.png'.

    Each mask has the size of its image. --set changes the configuration of the run: --set
    'decoder={type: atrous, decoder: fcn32s}' computes denser scores with the same weights.

    Images of more than 4 megapixels are processed in tiles. The result equals that of the whole
    image; if a layer of the network depends on the whole image, tiles are blended instead. TIFF
    files are read and written by windows (pip install rasterio tifffile), so neither the image nor
    the mask needs to fit in memory.

    For a video (pip install av), the overlay is a video with the same size, times and sound; index
    and color are a folder with a PNG for each frame, numbered from 000000. Videos are read and
    written frame by frame, so their length does not matter. A result appears when it is complete.

    The overlays of a folder, or of several files, get a page with thumbnails: index.html.

    Unreadable files are reported and skipped; the exit code is then 1. The results of a damaged
    video have the frames that can be read; the exit code is also 1.
    """
    from ..common.progress import configure_logging
    from ..engine.inference.pipeline import Pipeline
    from ..engine.inference.saving import predict_files

    configure_logging()
    files = by_input(paths)
    pipeline = Pipeline.load(run, settings, device=device, host=session.host)
    found = predict_files(
        pipeline,
        files,
        output,
        kinds,
        overwrite=overwrite,
        stop_on_error=stop_on_error,
        tile=tile,
    )
    if found.saved:
        click.echo(f"results: {output}")
    if found.failed:
        names = ", ".join(map(str, found.failed))
        click.echo(f"{len(found.failed)} could not be read completely: {names}", err=True)
        raise click.exceptions.Exit(1)
