"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def settings(command: Command) -> Command:
    """Add ``--set KEY.PATH=VALUE``, repeatable, which comes as ``settings``."""
    return click.option(
        "--set",
        "settings",
        metavar="KEY.PATH=VALUE",
        multiple=True,
        help="Change a value of the configuration. Repeatable.",
    )(command)


def overrides(command: Command) -> Command:
    """Add ``KEY.PATH=VALUE …``, which comes as ``overrides``, and ``--set``, the same."""
    argument = click.argument("overrides", metavar="[KEY.PATH=VALUE]...", nargs=-1)
    return argument(settings(command))


def device(command: Command) -> Command:
    """Add ``--device``."""
    return click.option(
        "--device",
        help="Where to compute: auto, cpu, cuda, cuda:1, mps.  [default: auto]",
    )(command)


run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
