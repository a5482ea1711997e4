"""Arguments that several commands share: one spelling and one help text each."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...registry import PluxelError

if TYPE_CHECKING:
    from ..config.tree.overrides import Given

Command = TypeVar("Command", bound=Callable[..., object])
Decorator = Callable[[Command], Command]

config_argument = click.argument("config")
run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))


def set_option(help: str) -> Decorator[Command]:  # noqa: A002 - named as in click
    """Add ``--set``, passed as ``settings``."""
    return click.option(
        "--set", "settings", metavar="KEY=VALUE", multiple=True, help=f"{help} Repeatable."
    )


settings = set_option("Set a value of the configuration.")


def overrides(command: Callable[..., None]) -> Callable[..., None]:
    """Add bare ``KEY=VALUE …`` and ``--set``, passed together as ``settings``."""

    @wraps(command)
    def merged(
        *arguments: Any, bare: tuple[str, ...], settings: tuple[str, ...], **others: Any
    ) -> None:
        command(*arguments, settings=(*bare, *settings), **others)

    return click.argument("bare", metavar="[KEY=VALUE]...", nargs=-1)(settings(merged))


class InputPath(click.Path):
    """A path; a misplaced ``KEY=VALUE`` is a usage error."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if re.match(r"\w+(\.\w+)*=", str(value)) and not Path(value).exists():
            self.fail(
                f"{value} does not exist; to change the configuration, give --set {value}",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


def device(default: str = "auto") -> Decorator[Command]:
    """Add ``--device``. Without it the value is None; ``default`` only appears in the help."""
    return click.option(
        "--device",
        metavar="DEVICE",
        help=f"Device to compute on: auto, cpu, cuda, cuda:1, mps.  [default: {default}]",
    )


def as_overrides(**options: str | None) -> tuple[Given, ...]:
    """Return the options that were given as overrides; errors quote the options."""
    from ..config.tree.overrides import Given

    given = {name: value for name, value in options.items() if value is not None}
    return tuple(Given(f"{name}={value}", f"--{name} {value}") for name, value in given.items())


def output(
    help: str,  # noqa: A002 - named as in click
    default: str | None = None,
    *,
    folder: bool = False,
    required: bool = False,
) -> Decorator[Command]:
    """Add ``--output``, a file or a folder."""
    # Since click 8.3, even a default of None satisfies ``required``.
    given: dict[str, Any] = {} if required else {"default": default}
    return click.option(
        "--output",
        metavar="DIRECTORY" if folder else "FILE",
        type=click.Path(file_okay=not folder, dir_okay=folder, path_type=Path),
        show_default=default is not None,
        required=required,
        help=help,
        **given,
    )


def overwrite(help: str = "Replace existing files.") -> Decorator[Command]:  # noqa: A002
    """Add ``--overwrite``, which every command with ``--output`` has."""
    return click.option("--overwrite", is_flag=True, help=help)


def refuse_existing(path: Path | None, *, overwrite: bool) -> None:
    """Raise PluxelError if a named file exists and ``--overwrite`` was not given."""
    if path and path.exists() and not overwrite:
        raise PluxelError(f"{path} already exists; --overwrite replaces it")


def as_json(help: str = "Print one JSON object instead of text.") -> Decorator[Command]:  # noqa: A002
    """Add ``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)
