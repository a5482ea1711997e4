"""Behavior of all commands: help, global options and exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from pluxel.core.cli import main
from pluxel.core.cli._main import Commands, cli
from pluxel.registry import PluxelError

PLUXEL = [sys.executable, "-m", "pluxel"]


@pytest.fixture
def broken_command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make ``pluxel train`` raise a given error."""

    def install(error: BaseException) -> None:
        @click.command
        def train() -> None:
            raise error

        get_command = Commands.get_command
        monkeypatch.setattr(
            Commands,
            "get_command",
            lambda self, ctx, name: train if name == "train" else get_command(self, ctx, name),
        )

    return install


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_lists_every_command(command: Any, arguments: list[str]) -> None:
    code, out, err = command(*arguments)
    assert code == 0, err
    width = max(map(len, Commands.table))
    for name, text in Commands.table.items():
        assert f"  {name:<{width}}  {text}" in out


@pytest.mark.parametrize("name", Commands.table)
def test_every_listed_command_exists(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: cli {name}" in result.output
    command = cli.get_command(click.Context(cli), name)
    if isinstance(command, click.Group):  # its first line must equal the table entry
        assert command.help == Commands.table[name]


def test_version(command: Any) -> None:
    code, out, _ = command("--version")
    assert code == 0
    assert out.startswith("pluxel 0.")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["trian"], "Error: No such command 'trian'. Did you mean 'train'?"),
        (["frobnicate"], "Error: No such command 'frobnicate'.\n"),
        (["plugins", "lst"], "Error: No such command 'lst'. Did you mean 'list'?"),
        (["--plugins", "x"], "Error: No such option"),
        (
            ["plugins", "list", "--traceback"],
            "Error: No such option '--traceback'. Put it before the command: pluxel --traceback …",
        ),
    ],
)
def test_usage_errors(command: Any, arguments: list[str], error: str) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert error in err


def test_user_error_prints_text_and_exits_with_2(command: Any, broken_command: Any) -> None:
    broken_command(PluxelError("configs/x.yaml:5:3: unknown decoder 'fcn8'.", ["a note"]))
    text = "configs/x.yaml:5:3: unknown decoder 'fcn8'.\n  note: a note\n"
    assert command("train") == (2, "", text)


def test_traceback_option_shows_the_traceback(command: Any, broken_command: Any) -> None:
    broken_command(PluxelError("unknown decoder 'fcn8'"))
    code, _, err = command("--traceback", "train")
    assert code == 2
    assert err.startswith("Traceback")
    assert "raise error" in err
    assert err.endswith("PluxelError: unknown decoder 'fcn8'\n")


def test_error_may_set_the_exit_code(command: Any, broken_command: Any) -> None:
    error = PluxelError("stopped by SIGTERM; the state is saved")
    error.exit_code = 143
    broken_command(error)
    assert command("train") == (143, "", "stopped by SIGTERM; the state is saved\n")


def test_bug_keeps_its_traceback(broken_command: Any) -> None:
    broken_command(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def test_ctrl_c_in_process(command: Any, broken_command: Any) -> None:
    broken_command(KeyboardInterrupt())
    assert command("train")[0] == 130


def test_ctrl_c_in_a_separate_process(site: Any) -> None:
    site.install("slow", "import signal\nprint('started', flush=True)\nsignal.pause()\n")
    # In the background of a shell, tests ignore the signal, which processes inherit.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*PLUXEL, "plugins", "list"], env=site.env, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    assert process.stderr
    # Output of plugins goes to stderr.
    assert process.stderr.readline() == b"started\n"
    # Python drops an interrupt that arrives during a callback of the garbage collector.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    assert process.returncode == 130
    assert b"Traceback" not in process.stderr.read()


TERMINATED = """
import signal
from pathlib import Path
import click
from pluxel.core.cli import _main
from pluxel.core.common.files import replacing

@click.command
def train():
    with replacing(Path("x.bin")) as unfinished:
        unfinished.write_bytes(b"half")
        print("writing", flush=True)
        signal.pause()

_main.Commands.get_command = lambda *_: train
_main.main(["train"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_leaves_no_unfinished_files(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINATED],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "writing\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (128 + number, "Terminated")
    assert not [*tmp_path.iterdir()]


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([*PLUXEL, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"pluxel {version('pluxel')}\n"


@pytest.mark.parametrize("arguments", ["config show shapes_fcn8s_resnet18", "plugins list", "-h"])
def test_closed_streams_are_not_an_error(arguments: str) -> None:
    command = " ".join([*PLUXEL, arguments])
    closed = subprocess.run(["sh", "-c", f"{command} <&- >&-"], stderr=subprocess.PIPE, check=False)
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert subprocess.run(["sh", "-c", f"{command} >&- 2>&-"], check=False).returncode == 0


def test_closed_pipe_is_not_an_error(site: Any) -> None:
    process = subprocess.Popen(
        [*PLUXEL, "plugins", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    process.wait(10)


def _verbs(group: click.Group, name: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found: list[tuple[str, click.Command]] = []
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        path = f"{name} {each}".strip()
        found += _verbs(command, path) if isinstance(command, click.Group) else [(path, command)]
    return found


VERBS = dict(_verbs(cli, ""))


@pytest.mark.parametrize("spelling", ["--json", "--output", "--overwrite", "--set", "--device"])
def test_shared_options_are_equal_in_every_command(spelling: str) -> None:
    options = [one for verb in VERBS.values() for one in verb.params if spelling in one.opts]
    assert len(options) > 1
    alike = {(one.name, one.metavar) for one in options}
    assert len(alike) == (2 if spelling == "--output" else 1)  # a FILE or a DIRECTORY
    assert all(getattr(one, "help", None) for one in options)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_help_and_a_current_name(verb: str) -> None:
    for one in VERBS[verb].params:
        one.get_help_record(click.Context(VERBS[verb]))  # some helps are written when shown
        assert isinstance(one, click.Argument) or getattr(one, "help", None), one.opts
        assert not {"--out", "--force"} & set(one.opts)


@pytest.mark.parametrize("group", ["data", "config", "plugins", "labels", "embeddings", "import"])
def test_help_of_a_group_lists_whole_sentences(group: str, command: Any) -> None:
    code, out, _ = command(group, "--help")
    listed = out.partition("Commands:")[2].strip()
    assert code == 0
    assert listed.endswith(".")
    assert "..." not in listed


REQUIRED = [(verb, one) for verb, found in VERBS.items() for one in found.params if one.required]


@pytest.mark.parametrize(("verb", "missing"), REQUIRED, ids=[f"{v} {p.name}" for v, p in REQUIRED])
def test_what_is_required_cannot_be_left_out(verb: str, missing: click.Parameter) -> None:
    given: list[str] = []
    for one in VERBS[verb].params:
        if one.required and one is not missing:
            given += [one.opts[0]] if isinstance(one, click.Option) else []
            given.append(one.type.choices[0] if isinstance(one.type, click.Choice) else ".")
    with pytest.raises(click.MissingParameter) as error:
        VERBS[verb].make_context(verb, given)
    assert type(error.value.param) is type(missing)  # of two arguments, the last one is missing


def test_only_train_has_option_run() -> None:
    options = {
        name: {flag for one in verb.params for flag in one.opts} for name, verb in VERBS.items()
    }
    assert [name for name, flags in options.items() if "--run" in flags] == ["train"]
    assert "--output" not in options["train"]


OUTPUTS = {
    "compare": (".", "."),
    "config schema": (),
    "data init": ("images", "masks"),
    "embeddings plot": ("king", "--embedding", "glove"),
    "evaluate": (".",),
    "labels align": ("voc", "camvid", "--embedding", "glove"),
}
"""Command that writes a file -> its arguments."""


def test_every_command_that_writes_has_option_overwrite() -> None:
    flags = {
        name: {flag for one in verb.params for flag in one.opts} for name, verb in VERBS.items()
    }
    writing = {name for name, own in flags.items() if "--output" in own}
    # These have tests of their own.
    others = {"data browse", "data preview", "demo", "matrix", "predict", "new", "report"}
    others |= {"import caffe", "import smp", "import torchfcn"}
    assert writing == {*OUTPUTS, *others}
    # The demo continues what it wrote, and `new` replaces nothing. The others name the output by
    # --run, DEST and the dataset.
    overwriting = {name for name, own in flags.items() if "--overwrite" in own}
    assert overwriting == writing - {"demo", "new"} | {
        "train",
        "embeddings convert",
        "data prepare",
    }


@pytest.mark.parametrize("verb", OUTPUTS)
def test_existing_file_is_kept(verb: str, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("mine")
    code, out, err = command(*verb.split(), *OUTPUTS[verb], "--output", str(file))
    assert (code, out, err) == (2, "", f"{file} already exists; --overwrite replaces it\n")
    assert file.read_text() == "mine"


def test_every_command_with_a_configuration_accepts_settings() -> None:
    for name, verb in VERBS.items():
        options = {spelling for one in verb.params for spelling in one.opts}
        takes = options & {"config", "run", "--config", "--embedding"}
        # The configurations of several runs, one with its run, and the parameters of a dataset.
        others = name.startswith("import ") or name in ("app", "data prepare")
        if name == "watch":  # reads files alone
            continue
        assert ("--set" in options) == bool(takes or others), name
        if "bare" in options:  # no other variadic argument
            assert sum(one.nargs == -1 for one in verb.params) == 1, name
