"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def overrides(command: Command) -> Command:
    """Add ``KEY.PATH=VALUE …``, also as ``--set KEY.PATH=VALUE``; both come as ``overrides``."""
    option = click.option(
        "--set",
        "settings",
        metavar="KEY.PATH=VALUE",
        multiple=True,
        help="Change a value of the file. Repeatable; the same as naming it after the file.",
    )
    argument = click.argument("overrides", metavar="[KEY.PATH=VALUE]...", nargs=-1)
    return argument(option(command))


def device(command: Command) -> Command:
    """Add ``--device``."""
    return click.option(
        "--device",
        default="auto",
        show_default=True,
        help="Where to compute: auto, cpu, cuda, cuda:1, mps.",
    )(command)


run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
