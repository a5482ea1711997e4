"""``pluxel predict``."""

from __future__ import annotations

from pathlib import Path

import click

from ._options import device, run_argument
from ._session import Session

KINDS = ("index", "color", "overlay", "prob")


def _kinds(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    from ...registry import did_you_mean  # noqa: PLC0415 - only a mistake pays for it

    chosen = tuple(part.strip() for part in value.split(","))
    for kind in chosen:
        if kind not in KINDS:
            raise click.BadParameter(
                f"{kind!r} is none of {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
            )
    return chosen


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
@device
@click.option("--stop-on-error", is_flag=True, help="Stop at the first image that cannot be read.")
@click.pass_obj
def predict(
    session: Session,
    run: Path,
    paths: tuple[Path, ...],
    output: Path,
    kinds: tuple[str, ...],
    device: str,
    stop_on_error: bool,
) -> None:
    """Segment images, or folders of them, with the weights of RUN.

    Masks have the size of their images. An image that cannot be read is named and left out; the
    exit code is then 1.
    """
    from ..predict import Pipeline  # noqa: PLC0415 - the help stays light
    from ..progress import configure_logging  # noqa: PLC0415
    from ..saving import predict_files  # noqa: PLC0415

    configure_logging()
    pipeline = Pipeline.load(run, device=device, host=session.host)
    failed = predict_files(pipeline, paths, output, kinds, stop_on_error=stop_on_error)
    click.echo(f"results: {output}")
    if failed:
        click.echo(f"{len(failed)} could not be read: {', '.join(map(str, failed))}", err=True)
        raise click.exceptions.Exit(1)
