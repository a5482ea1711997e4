"""Arguments that several commands share: one spelling and one help text each."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ...registry import PluxelError

Command = TypeVar("Command", bound=Callable[..., object])
Decorator = Callable[[Command], Command]

config_argument = click.argument("config")
run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))

settings = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set a value of the configuration. Repeatable.",
)


def overrides(command: Callable[..., None]) -> Callable[..., None]:
    """Add bare ``KEY=VALUE …`` and ``--set``, passed together as ``settings``."""

    @wraps(command)
    def merged(
        *arguments: Any, bare: tuple[str, ...], settings: tuple[str, ...], **others: Any
    ) -> None:
        command(*arguments, settings=(*bare, *settings), **others)

    return click.argument("bare", metavar="[KEY=VALUE]...", nargs=-1)(settings(merged))


def device(default: str = "auto") -> Decorator[Command]:
    """Add ``--device``. Without it the value is None; ``default`` only appears in the help."""
    return click.option(
        "--device",
        metavar="DEVICE",
        help=f"Device to compute on: auto, cpu, cuda, cuda:1, mps.  [default: {default}]",
    )


def output(
    help: str,  # noqa: A002 - named as in click
    default: str | None = None,
    *,
    folder: bool = False,
    required: bool = False,
) -> Decorator[Command]:
    """Add ``--output``, a file or a folder."""
    return click.option(
        "--output",
        metavar="DIRECTORY" if folder else "FILE",
        type=click.Path(file_okay=not folder, dir_okay=folder, path_type=Path),
        default=default,
        show_default=default is not None,
        required=required,
        help=help,
    )


overwrite = click.option("--overwrite", is_flag=True, help="Replace what already exists.")


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise PluxelError if a file exists and ``--overwrite`` was not given."""
    if path.exists() and not overwrite:
        raise PluxelError(f"{path} already exists; --overwrite replaces it")


def as_json(help: str = "Print one JSON object instead of text.") -> Decorator[Command]:  # noqa: A002
    """Add ``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)
