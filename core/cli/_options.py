"""Arguments that several commands share: one spelling and one help text each."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...registry import PluxelError
from ._completed import completed, completed_words

if TYPE_CHECKING:
    from ..config.tree.overrides import Given

Command = TypeVar("Command", bound=Callable[..., object])
Decorator = Callable[[Command], Command]

config_argument = click.argument("config", shell_complete=completed("config"))
run_argument = click.argument(
    "run",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    shell_complete=completed("run"),
)


def runs_argument(metavar: str, *, exist: bool = True) -> Decorator[Command]:
    """Add several run directories, passed as ``runs``; ``exist``: whether all must exist."""
    return click.argument(
        "runs",
        metavar=metavar,
        nargs=-1,
        required=True,
        type=click.Path(exists=exist, file_okay=False, path_type=Path),
        shell_complete=completed("run"),
    )


def split_option(help: str, default: str = "val") -> Decorator[Command]:  # noqa: A002
    """Add ``--split``."""
    return click.option(
        "--split",
        default=default,
        show_default=True,
        help=help,
        shell_complete=completed("split"),
    )


def set_option(help: str) -> Decorator[Command]:  # noqa: A002 - named as in click
    """Add ``--set``, passed as ``settings``."""
    return click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        help=f"{help} Repeatable.",
        shell_complete=completed("override"),
    )


settings = set_option("Set a value of the configuration.")


def overrides(command: Callable[..., None]) -> Callable[..., None]:
    """Add bare ``KEY=VALUE …`` and ``--set``, passed together as ``settings``."""

    @wraps(command)
    def merged(
        *arguments: Any, bare: tuple[str, ...], settings: tuple[str, ...], **others: Any
    ) -> None:
        command(*arguments, settings=(*bare, *settings), **others)

    bare = click.argument(
        "bare", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=completed("override")
    )
    return bare(settings(merged))


class ImageSize(click.ParamType):
    """``HEIGHTxWIDTH``, or one number for both."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (height, width)."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9]\d{0,5})(?:[x×]([1-9]\d{0,5}))?", str(value))
        if match is None:
            self.fail(f"{value} is not a size such as 480x640 (height x width)", param, ctx)
        return int(match[1]), int(match[2] or match[1])


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
        shell_complete=completed_words("auto", "cpu", "cuda", "mps"),
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
    """Add ``--overwrite``, which every command has that replaces files of the user."""
    return click.option("--overwrite", is_flag=True, help=help)


def refuse_existing(path: Path | None, *, overwrite: bool) -> None:
    """Raise PluxelError if a named file exists and ``--overwrite`` was not given."""
    if path and path.exists() and not overwrite:
        raise PluxelError(f"{path} already exists; --overwrite replaces it")


def as_json(help: str = "Print one JSON object instead of text.") -> Decorator[Command]:  # noqa: A002
    """Add ``--json``, passed as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)
