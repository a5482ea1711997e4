"""``pluxel demo``: run a shipped pipeline on generated shapes with the ordinary commands."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

from ._options import output

CONFIG = "shapes_fcn8s_resnet18"
IMAGES = 6


@click.command()
@output("Run directory.", "runs/demo", folder=True)
def demo(output: Path) -> None:
    """Train, evaluate and predict on generated shapes; takes three to six minutes on two cores.

    A second demo in the same directory continues from the first.
    """
    images, predictions = output / "images", output / "predictions"
    _pluxel("train", CONFIG, "--run", str(output), "--resume", "auto")
    _draw(images)
    _pluxel("evaluate", str(output))
    _pluxel("predict", str(output), str(images), "--output", str(predictions), "--overwrite")
    click.echo(f"\noverlays: {predictions / 'overlay'}")


def _pluxel(*arguments: str) -> None:
    """Print a pluxel command line and run it."""
    click.secho(f"\n$ pluxel {shlex.join(arguments)}", bold=True)
    command = [sys.executable, "-m", "pluxel", *arguments]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise click.exceptions.Exit(code)


def _draw(folder: Path) -> None:
    """Write images of the split `val` to files for `pluxel predict`."""
    from PIL import Image

    from ...registry import Host
    from ..config._load import load_config

    pipeline = load_config(CONFIG, host=Host()).pipeline
    dataset = pipeline.dataset(split=pipeline.splits["val"])
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(IMAGES):
        sample = dataset[index]
        Image.fromarray(sample.inputs["image"]).save(folder / f"{index}.png")
