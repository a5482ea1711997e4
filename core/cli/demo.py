"""``pluxel demo``: run a shipped pipeline on generated shapes with the ordinary commands."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._options import output
from ._session import Session

if TYPE_CHECKING:
    from ...registry import Host

CONFIG = "shapes_fcn8s_resnet18"
IMAGES = 6


@click.command()
@output("Run directory.", "runs/demo", folder=True)
@click.pass_obj
def demo(session: Session, output: Path) -> None:
    """Train, evaluate and predict on generated shapes; takes three to six minutes on two cores.

    A second demo in the same directory continues from the first.
    """
    images, predictions = output / "images", output / "predictions"
    _pluxel(session, "train", CONFIG, "--run", str(output), "--resume", "auto")
    _draw(images, session.host)
    _pluxel(session, "evaluate", str(output))
    _pluxel(
        session, "predict", str(output), str(images), "--output", str(predictions), "--overwrite"
    )
    click.echo(f"\noverlays: {predictions / 'overlay'}")


def _pluxel(session: Session, *arguments: str) -> None:
    """Print a pluxel command line and run it, with the global options of this one."""
    click.secho(f"\n$ pluxel {shlex.join([*session.options, *arguments])}", bold=True)
    code = subprocess.run(session.process(*arguments), check=False).returncode
    if code:
        raise click.exceptions.Exit(code)


def _draw(folder: Path, host: Host) -> None:
    """Write images of the split `val` to files for `pluxel predict`."""
    from PIL import Image

    from ..config._load import load_config

    pipeline = load_config(CONFIG, host=host).pipeline
    dataset = pipeline.dataset(split=pipeline.splits["val"])
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(IMAGES):
        sample = dataset[index]
        Image.fromarray(sample.inputs["image"]).save(folder / f"{index}.png")
