"""``pluxel import``: turn published weights into runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from ...registry import PluxelError
from ._completed import completed_words
from ._groups import Group
from ._options import output, overrides, overwrite
from ._session import Session

if TYPE_CHECKING:
    from ..engine.importing.foreign import ForeignWeights
    from ..engine.importing.writing import Imported


SMP_MODELS = (
    *("DeepLabV3", "DeepLabV3Plus", "FPN", "Linknet", "PSPNet", "Segformer", "UPerNet", "Unet"),
    "UnetPlusPlus",
)
"""Names that complete ``--model``; the command itself reads them where torch is imported."""
_OTHERWISE = "if its skips were scaled, give --at-once, and otherwise --staged"


@click.group(name="import", cls=Group)
def import_() -> None:
    """Turn weights of others into a run."""


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add FILE, --output, --overwrite, --at-once, --input and KEY=VALUE."""
    at_once = click.option(
        "--at-once/--staged",
        default=None,
        help="Whether an FCN-8s was trained at once, which scales its skips.  "
        "[default: as the file or its name says]",
    )
    seen = click.option(
        "--input",
        "input_name",
        type=click.Choice(["color", "hha"]),
        help="What a network of NYUDv2 with one input sees.  "
        "[default: as the name of the network or of FILE says, otherwise color]",
    )
    file = click.argument("file", type=click.Path(path_type=Path))
    folder = output("Run directory to write.", folder=True, required=True)
    decorated = overrides(command)
    for option in (at_once, seen, overwrite("Replace an existing run."), folder, file):
        decorated = option(decorated)
    return wraps(command)(decorated)


@import_.command()
@_shared
@click.pass_obj
def torchfcn(
    session: Session, file: Path, at_once: bool | None, input_name: str | None, **options: Any
) -> None:
    """Import weights of pytorch-fcn: FILE holds a state dict or a checkpoint of its training.

    KEY=VALUE changes the configuration of the run, such as dataset.voc=VOCdevkit.
    """
    from ..engine.importing.foreign import ForeignWeights
    from ..model.caffemodel import CAFFEMODEL
    from ..model.weight_reading import read_checkpoint

    if file.suffix == CAFFEMODEL:
        raise PluxelError(f"{file} is a Caffe model: give it to  pluxel import caffe")
    state, texts = read_checkpoint(file)
    name = texts.get("arch", file.name)
    weights = ForeignWeights(file, state, name, at_once, _is_hha(input_name))
    found = _write(session, weights, **options)
    if "FCN-8s" in found.network and at_once is None and "arch" not in texts:
        click.echo(f"note: {file.name} does not say how it was trained: {_OTHERWISE}")


@import_.command()
@click.option(
    "--prototxt",
    type=click.Path(path_type=Path),
    help="Description of the network, to recognize its layers by their connections.",
)
@_shared
@click.pass_obj
def caffe(
    session: Session,
    file: Path,
    prototxt: Path | None,
    at_once: bool | None,
    input_name: str | None,
    **options: Any,
) -> None:
    """Import a network of the paper's release: FILE is a .caffemodel.

    Layers with other names than those of the release are recognized by their connections, which
    most files hold; give --prototxt for a file that does not.

    KEY=VALUE changes the configuration of the run, such as dataset.voc=VOCdevkit.
    """
    from ..engine.importing.caffe import caffe_tensors
    from ..engine.importing.foreign import ForeignWeights

    state = caffe_tensors(file, prototxt)
    weights = ForeignWeights(file, state, file.name, at_once, _is_hha(input_name))
    _write(session, weights, **options)


@import_.command()
@click.argument("path", type=click.Path(path_type=Path))
@output("Run directory to write.", folder=True, required=True)
@overwrite("Replace an existing run.")
@click.option(
    "--model",
    shell_complete=completed_words(*SMP_MODELS),
    help="Class of the model, such as Unet, for a file with a state dict.",
)
@click.option("--encoder", help="Its encoder, such as resnet34, for a file with a state dict.")
@click.option(
    "--argument",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another argument of the model, such as encoder_depth=4. Repeatable.",
)
@overrides
@click.pass_obj
def smp(
    session: Session,
    path: Path,
    output: Path,
    overwrite: bool,
    model: str | None,
    encoder: str | None,
    arguments: tuple[str, ...],
    settings: tuple[str, ...],
) -> None:
    """Import a model of segmentation_models.pytorch.

    PATH is a folder that save_pretrained wrote, or a file with a state dict, for which --model and
    --encoder are required.

    KEY=VALUE changes the configuration of the run, such as dataset.classes='{0: sky, 1: road}'.
    """
    from ..engine.importing.smp_import import import_smp, read_smp

    given = dict(_argument(text) for text in arguments)
    source = read_smp(path, name=model, encoder=encoder, options=given)
    found = import_smp(source, output, settings, overwrite=overwrite, host=session.host)
    click.echo("\n".join(_lines(found)))


def _argument(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise PluxelError(f"--argument {text}: write NAME=VALUE, such as encoder_depth=4")
    return name, yaml.safe_load(value)


def _is_hha(input_name: str | None) -> bool | None:
    return None if input_name is None else input_name == "hha"


def _write(
    session: Session,
    weights: ForeignWeights,
    settings: tuple[str, ...],
    output: Path,
    overwrite: bool,
) -> Imported:
    from ..engine.importing.importing import import_weights

    found = import_weights(weights, output, settings, overwrite=overwrite, host=session.host)
    click.echo("\n".join(_lines(found)))
    return found


def _lines(found: Imported) -> list[str]:
    classes = " and ".join(map(str, found.classes.values()))
    return [
        f"{found.network}, {classes} classes of {found.dataset}, {found.parameters:,} parameters",
        f"run: {found.run.directory}",
        *(f"note: {note}" for note in found.notes),
    ]
