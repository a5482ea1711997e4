"""The command ``pluxel``: subcommands, global options and exit codes.

Exit codes: 0 for success, 1 if a check found a problem, 2 for a user error, 130 for Ctrl-C, 143 for
SIGTERM, 129 for SIGHUP.
Commands import their modules only when they run, so that help is fast.
"""

from __future__ import annotations

import errno
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
from typing import TYPE_CHECKING, ClassVar, NoReturn, TextIO

import click

from ..common.signals import stop_signals
from ..common.text import readable
from ._completed import completed
from ._groups import Group
from ._plugin_commands import find, listed, may_exist
from ._session import Session, configured
from ._streams import prepare_streams, streams_that_raised

if TYPE_CHECKING:
    from ...registry import PluxelError, Subcommand


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
        "watch": "Watch a training in the terminal.",
        "report": "Write a web page about each run.",
        "compare": "Compare runs on the same images, with intervals.",
        "predict": "Segment images and videos with a run.",
        "app": "Open a page to try runs on photographs.",
        "import": "Turn weights of others into a run.",
        "verify": "Check claims of equality on your own pipeline.",
        "benchmark": "Compare costs and bounds side by side.",
        "matrix": "Try many networks under every decoder.",
        "similar": "Find the words nearest to a word.",
        "analogy": "Complete: A is to B as C is to …",
        "embeddings": "List, inspect, convert, evaluate and plot word vectors.",
        "labels": "Match the classes of two datasets.",
        "new": "Write a package for a component of your own.",
        "plugins": "List components, explain a name, and find what is broken.",
        "completion": "Print the script that completes commands in a shell.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, which is the order of use."""
        return [*self.table, *self._of_plugins(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name in self.table:
            name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            return getattr(import_module(f".{name}", __package__), name)
        if not self._of_plugins(ctx):
            return None
        return find(configured(ctx).host, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands, then those of plugins with their provider."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))
        if commands := self._of_plugins(ctx):
            with formatter.section("Commands of plugins"):
                rows = [
                    (n, f"{readable(one.summary)} [{one.provider}]") for n, one in commands.items()
                ]
                formatter.write_dl(rows)

    def _of_plugins(self, ctx: click.Context) -> Mapping[str, Subcommand]:
        """Return the commands of plugins by the name that calls them."""
        session = configured(ctx)
        return listed(session.host, self.table) if may_exist(session) else {}

    def invoke(self, ctx: click.Context) -> object:
        """Run a command.

        Raises: _KeptError for the errors that click takes for a lost terminal, wherever they are
        from, and so would hide.
        """
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, EOFError) as error:
            raise _KeptError from error

    def missing(self, ctx: click.Context) -> list[str]:
        """Return notes on the plugins that failed to load and may have a command."""
        session = configured(ctx)
        return session.host.absent() if may_exist(session) else []


class _KeptError(Exception):
    """Carries an error past click, as its cause."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--plugin",
    "plugins",
    metavar="PATH",
    is_eager=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Load a plugin from a single file, such as ./my_head.py. Repeatable.",
)
@click.option(
    "--no-plugins",
    is_flag=True,
    is_eager=True,
    help="Load no installed plugin, only the built-in components and --plugin files.",
)
@click.option(
    "--allow-plugin",
    "allow",
    metavar="NAME",
    is_eager=True,
    multiple=True,
    shell_complete=completed("installed"),
    help="Load only this installed plugin and the built-in ones. Repeatable.",
)
@click.option(
    "--deny-plugin",
    "deny",
    metavar="NAME",
    is_eager=True,
    multiple=True,
    shell_complete=completed("installed"),
    help="Do not load this installed plugin. Repeatable.",
)
@click.option("--traceback", is_flag=True, help="Show the Python traceback of an error.")
@click.version_option(package_name="pluxel", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, traceback: bool, **_plugins: object) -> None:
    """Assemble, train and run semantic segmentation from plugins and a YAML file.

    The variable PLUXEL_PLUGINS chooses installed plugins, too: a,b loads only these, -a,-b all
    others, and an empty value none.
    """
    session = configured(ctx)
    session.traceback = traceback
    session.command = ctx.invoked_subcommand or ""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit the process with its exit code."""
    session = Session()
    if "_PLUXEL_COMPLETE" in os.environ:
        from ._completion_scripts import register

        register()
    prepare_streams()
    try:
        with _stopping_at_signals():
            code = _run(args, session)
        sys.stdout.flush()
    except click.ClickException as error:
        _explained(error).show()
        code = error.exit_code
    except click.Abort as error:  # click's name for KeyboardInterrupt
        number = getattr(error.__cause__, "signal_number", signal.SIGINT)
        click.echo("Interrupted" if number == signal.SIGINT else "Terminated", err=True)
        code = 128 + number
    except SystemExit as error:
        _name_plugins(error, session, args)
        raise
    except Exception as error:
        if isinstance(error, OSError) and (lost := streams_that_raised(error)):
            code = _explain_lost_output(error, lost)
        elif (shown := _user_error(error, session)) is None:
            _name_plugins(error, session, args)
            raise
        else:
            if session.traceback:
                _name_plugins(error, session, args)
                sys.excepthook(type(error), error, error.__traceback__)
            else:
                click.echo(str(_placed(shown, error, session)), err=True)
            code = shown.exit_code
    sys.exit(code or 0)


def _run(args: Sequence[str] | None, session: Session) -> int | None:
    """Run a command; return the code passed to ``ctx.exit``, if any."""
    try:
        return cli.main(args, prog_name="pluxel", standalone_mode=False, obj=session)
    except _KeptError as kept:
        error = kept.__cause__ or kept
    raise error


def _name_plugins(error: BaseException, session: Session, arguments: Sequence[str] | None) -> None:
    from ._blame import name_plugins

    name_plugins(error, session, arguments)


def _user_error(error: Exception, session: Session) -> PluxelError | None:
    """Return the error to show as text, without a traceback; None if this is a bug."""
    from ...registry import PluxelError, missing_package
    from ..common.parts import modules_of

    if isinstance(error, ImportError):
        return missing_package(error, f"pluxel {session.command}", modules_of(session.command))
    return error if isinstance(error, PluxelError) else None


def _placed(shown: PluxelError, error: Exception, session: Session) -> PluxelError:
    """Return the error with a note of where a plugin raised it, if it only reports that."""
    from ._blame import place_in_plugin

    if shown is error and (place := place_in_plugin(shown, session)):
        shown.notes = (*shown.notes, place)
    return shown


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


def _explain_lost_output(error: OSError, streams: Sequence[TextIO]) -> int:
    """Report that the output cannot be written, unless its reader has ended; return the exit code.

    ``streams``: whose writing raised the error.
    """
    for stream in streams:
        # Python would try to write the rest at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
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
