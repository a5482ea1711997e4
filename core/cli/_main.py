"""The command ``pluxel``: subcommands, global options and exit codes.

Exit codes: 0 for success, 1 if a check found a problem, 2 for a user error, 130 for Ctrl-C, 143 for
SIGTERM, 129 for SIGHUP.
Commands import their modules only when they run, so that help is fast.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from types import FrameType
from typing import ClassVar, NoReturn

import click

from ..common.signals import stop_signals
from ._groups import Group
from ._session import Session


class Commands(Group):
    """The commands, in the order of use; command ``x`` is ``x`` in module ``x``.

    A keyword of Python is followed by ``_`` there.
    """

    table: ClassVar[Mapping[str, str]] = {
        "demo": "Train, evaluate and predict on generated shapes.",
        "data": "Check your images and masks, and write a configuration.",
        "config": "Check, show and describe YAML files.",
        "describe": "Show the layers of a network, their grids and their costs.",
        "train": "Train the pipeline of a YAML file.",
        "evaluate": "Evaluate a run on a split.",
        "predict": "Segment images with a run.",
        "import": "Turn published weights of FCN into a run.",
        "verify": "Check claims of equality on your own pipeline.",
        "benchmark": "Compare costs and bounds side by side.",
        "similar": "Find the words nearest to a word.",
        "analogy": "Complete: A is to B as C is to …",
        "embeddings": "List, inspect, convert, evaluate and plot word vectors.",
        "labels": "Match the classes of two datasets.",
        "plugins": "List components, explain a name, and find what is broken.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table, which is the order of use."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in self.table:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        return getattr(import_module(f".{name}", __package__), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plugin",
    "plugins",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Load a plugin from a single file, such as ./my_head.py. Repeatable.",
)
@click.option(
    "--allow-plugin",
    "allow",
    metavar="NAME",
    multiple=True,
    help="Load only this installed plugin and the built-in ones. Repeatable.",
)
@click.option(
    "--deny-plugin",
    "deny",
    metavar="NAME",
    multiple=True,
    help="Do not load this installed plugin. Repeatable.",
)
@click.option("--traceback", is_flag=True, help="Show the Python traceback of an error.")
@click.version_option(package_name="pluxel", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    plugins: tuple[Path, ...],
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    traceback: bool,
) -> None:
    """Assemble, train and run semantic segmentation from plugins and a YAML file."""
    session = ctx.ensure_object(Session)
    session.plugins, session.allow, session.deny = plugins, allow, deny
    session.traceback = traceback
    session.command = ctx.invoked_subcommand or ""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit the process with its exit code."""
    session = Session()
    _open_closed_streams()
    _choose_encodings()
    try:
        # Commands return None; an int is the code passed to ctx.exit.
        with _stopping_at_signals():
            code = cli.main(args, prog_name="pluxel", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except click.ClickException as error:
        _explained(error).show()
        code = error.exit_code
    except click.Abort as error:  # click's name for KeyboardInterrupt
        number = getattr(error.__cause__, "signal_number", signal.SIGINT)
        click.echo("Interrupted" if number == signal.SIGINT else "Terminated", err=True)
        code = 128 + number
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        code = _explain_lost_output(error)
    except Exception as error:
        from ...registry import PluxelError, missing_package
        from ..common.parts import modules_of

        shown = error
        if isinstance(error, ImportError):
            shown = missing_package(error, f"pluxel {session.command}", modules_of(session.command))
        if not isinstance(shown, PluxelError):
            raise
        if session.traceback:
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            click.echo(str(shown), err=True)
        code = shown.exit_code
    sys.exit(code or 0)


class _Terminated(KeyboardInterrupt):
    """A signal, which then ends all blocks as Ctrl-C does, so that no unfinished file is left."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


@contextmanager
def _stopping_at_signals() -> Iterator[None]:
    """Raise an exception at the first SIGTERM or SIGHUP while the block runs.

    Python delivers signals only to the main thread; in other threads, they kill the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # let the blocks end
        raise _Terminated(number)

    before = {number: signal.signal(number, stop) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_closed_streams() -> None:
    """Replace closed standard streams, as after ``>&-``, by the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


_UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO}
"""Errors of writing to stdout: a reader that has ended, or a full or broken disk."""


def _choose_encodings() -> None:
    """Write UTF-8 to files and pipes, as Pluxel reads it; show what a terminal can."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace" if encoding is None else None)


def _explain_lost_output(error: OSError) -> int:
    """Report that stdout cannot be written, unless its reader has ended; return the exit code."""
    # Python would try to write the rest at exit, and fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        click.echo(f"cannot write the output: {error.strerror}", err=True)
    return 1


def _explained(error: click.ClickException) -> click.ClickException:
    """Add the correct position to the error about a misplaced global option."""
    names = {name for option in cli.params for name in option.opts}
    if not isinstance(error, click.NoSuchOption) or error.option_name not in names:
        return error
    name = error.option_name
    message = f"No such option {name!r}. Put it before the command: pluxel {name} …"
    return click.UsageError(message, ctx=error.ctx)
