"""An error that passes through a plugin names it, and the command that runs without it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pluxel.core.cli import main

PLUGIN = """
from pluxel.registry import Component, Subcommand, hookimpl

@hookimpl
def pluxel_decoders():
    return [Component("crash", "acme_nets.crash:Crash", "Fail.")]

@hookimpl
def pluxel_datasets():
    return [Component("holes", "acme_nets.holes:Holes", "Fail.")]

@hookimpl
def pluxel_commands():
    return [Subcommand("crash", "acme_nets.command:crash", "Fail.")]
"""
CRASH = """
import sys
from torch import nn
from pluxel.core import Scores
from pluxel.registry import PluxelError

class Crash(nn.Module):
    def __init__(self, features, num_classes, *, how: str = "ZeroDivisionError()"):
        super().__init__()
        if how == "init":
            raise ValueError("bad value")
        if how == "user":
            raise PluxelError("bad luck")
        self.layer = nn.Conv2d(features[-1].channels, num_classes, 1)
        self.grid, self.how = features[-1].grid, how

    def forward(self, maps):
        if self.how == "meta":
            raise ValueError("bad map")
        if not maps[-1].is_meta:
            self.fail()
        return Scores(self.layer(maps[-1]), self.grid)

    def fail(self):
        raise eval(self.how)
"""
HOLES = """
from toys import Squares

class Holes(Squares):
    def __getitem__(self, index):
        if index > 1:
            raise ZeroDivisionError("a hole")
        return super().__getitem__(index)
"""
COMMAND = """
import click

@click.command()
def crash():
    open("/nowhere/at/all")
"""
TOYS = Path(__file__).parents[1] / "engine" / "toys.py"
TOY = """\
backbone: {type: toy}
decoder: {type: crash}
loss: {type: cross_entropy}
dataset: {type: squares}
device: cpu
training: {steps: 2, batch_size: 4, precision: fp32}
"""


@pytest.fixture
def acme(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    site.install("acme-seg", PLUGIN)
    for name, code in (("crash", CRASH), ("holes", HOLES), ("command", COMMAND), ("__init__", "")):
        site.module(f"acme_nets/{name}", code)
    (tmp_path / "toy.yaml").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    return site


def note_of(error: BaseException) -> str:
    (note,) = error.__notes__
    return note


def test_a_component_during_training(acme: Any) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        main(["--plugin", str(TOYS), "train", "toy.yaml", "--run", "a run"])
    assert note_of(caught.value) == (
        "The error passes through the code of plugin acme-seg "
        f"({acme.folder}/acme_nets/crash.py, line 25, in fail).\n"
        f"To run without it: pluxel --deny-plugin acme-seg --plugin {TOYS} train toy.yaml "
        "--run 'a run'"
    )


@pytest.mark.parametrize("error", ["FileNotFoundError(2, 'gone', 'x')", "ImportError('x')"])
def test_errors_that_pluxel_raises_too(acme: Any, error: str) -> None:
    with pytest.raises((OSError, ImportError)) as caught:
        main(["--plugin", str(TOYS), "train", "toy.yaml", f'decoder.how="{error}"'])
    assert "plugin acme-seg (" in note_of(caught.value)


def test_a_component_that_ends_the_process(acme: Any, command: Any) -> None:
    arguments = ("--plugin", str(TOYS), "train", "toy.yaml", "decoder.how=SystemExit(7)")
    code, _, err = command(*arguments)
    assert code == 7
    assert "Plugin acme-seg (" in err
    assert "crash.py, line 25, in fail) ended the process with sys.exit.\nTo run without it:" in err


def test_a_command(acme: Any) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        main(["crash"])
    assert f"({acme.folder}/acme_nets/command.py, line 6, in crash)" in note_of(caught.value)
    assert note_of(caught.value).endswith(
        "in crash).\npluxel crash cannot run without plugin acme-seg."
    )


def test_a_command_that_uses_another_plugin(acme: Any) -> None:
    acme.install("other", "def fail(): raise ZeroDivisionError")
    acme.module("acme_nets/command", COMMAND.replace('open("/nowhere/at/all")', "other.fail()"))
    file = acme.folder / "acme_nets" / "command.py"
    file.write_text(f"import other\n{file.read_text()}")
    with pytest.raises(ZeroDivisionError) as caught:
        main(["crash"])
    assert note_of(caught.value).endswith("\npluxel crash cannot run without plugin acme-seg.")


def test_a_command_about_a_plugin(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.module("acme_nets/fails", "def fail(*_, **__): raise ZeroDivisionError")
    import acme_nets.fails  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    monkeypatch.setattr("pluxel.core.cli._conformance.subjects_of", acme_nets.fails.fail)
    with pytest.raises(ZeroDivisionError) as caught:
        main(["plugins", "test", "Acme.Seg"])
    assert note_of(caught.value).endswith("\npluxel plugins cannot run without plugin acme-seg.")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["decoder.how=meta"], r"acme_nets/crash.py, line 19, in forward"),
        (["decoder.how=init"], r"acme_nets/crash.py, line 11, in __init__"),
        (["decoder=fcn32s", "dataset.type=holes"], r"acme_nets/holes.py, line 7, in __getitem__"),
    ],
)
def test_expected_errors_name_the_line_of_the_plugin(
    acme: Any, command: Any, arguments: list[str], place: str
) -> None:
    code, _, err = command("--plugin", str(TOYS), "train", "toy.yaml", *arguments)
    assert code == 2
    note = f"  note: raised by plugin acme-seg: {acme.folder}/{place}; --traceback shows more\n"
    assert err.endswith(note)
    assert err.count("acme-seg:") == 1


@pytest.mark.parametrize("arguments", [["decoder.how=user"], ["decoder.hwo=user"], ["decoder=x"]])
def test_errors_of_users_are_not_blamed_on_a_plugin(
    acme: Any, command: Any, arguments: list[str]
) -> None:
    code, _, err = command("--plugin", str(TOYS), "train", "toy.yaml", *arguments)
    assert code == 2
    assert "raised by plugin" not in err


@pytest.mark.parametrize("option", [["--plugin", "{}"], ["--plugin={}"]])
def test_a_command_of_a_plugin_file(
    tmp_path: Path, site: Any, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    site.module("acme_command", COMMAND)
    path = site.module(
        "my_commands",
        "import acme_command\nfrom pluxel.registry import Subcommand, hookimpl\n"
        "crash = acme_command.crash\ncrash.callback = lambda: 1 / 0\n"
        "@hookimpl\ndef pluxel_commands():\n"
        "    return [Subcommand('crash', 'my_commands:crash', 'Fail.')]",
    )
    with pytest.raises(ZeroDivisionError) as caught:
        main([*(each.format(path) for each in option), "crash"])
    assert "plugin my_commands.py (" in note_of(caught.value)
    assert note_of(caught.value).endswith(
        "\npluxel crash cannot run without plugin my_commands.py."
    )


def test_plugin_file_is_left_out_of_the_command_without_it(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = acme.module("my_plugin", f"{PLUGIN}\ndef fail(*_): raise ZeroDivisionError")
    import my_plugin  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    monkeypatch.setattr("pluxel.core.cli.plugins._print_lines", my_plugin.fail)
    for option in (["--plugin", str(path)], [f"--plugin={path}"]):
        with pytest.raises(ZeroDivisionError) as caught:
            main([*option, "plugins", "list"])
        assert note_of(caught.value).endswith("\nTo run without it: pluxel plugins list")


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_dataset_in_worker_processes(acme: Any, command: Any, workers: int) -> None:
    code, _, err = command(
        *("--traceback", "--plugin", str(TOYS), "train", "toy.yaml", "decoder=fcn32s"),
        *("dataset.type=holes", f"training.workers={workers}"),
    )
    assert code == 2
    assert "ZeroDivisionError: a hole" in err
    assert "DataError: sample" in err
    assert re.search(r"plugin acme-seg \(.*/acme_nets/holes.py, line 7, in __getitem__\)", err), err


def test_a_worker_that_fails_itself(acme: Any) -> None:
    """What PyTorch raises in the main process holds the traceback of the worker as text."""
    file = acme.folder / "acme_nets" / "crash.py"
    text = (
        "Caught ZeroDivisionError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
        f'  File "/torch/worker.py", line 3, in _loop\n    x\n  File "{file}", line 25, in fail\n'
        "    raise eval(self.how)\nZeroDivisionError\n"
    )
    code = f"import acme_nets.crash\n    raise ZeroDivisionError({text!r})"
    acme.module("acme_nets/command", COMMAND.replace('open("/nowhere/at/all")', code))
    with pytest.raises(ZeroDivisionError) as caught:
        main(["crash"])
    assert f"({file}, line 25, in fail)" in note_of(caught.value)


def test_no_note_without_a_plugin(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pluxel.core.cli.plugins._print_lines", lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        main(["plugins", "list"])
    assert not hasattr(caught.value, "__notes__")


def test_a_library_is_not_the_plugin_that_offers_its_class(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("library", None, entry_points="")
    site.module("library", "def fail(*_): raise ZeroDivisionError\nclass Net: pass")
    (site.folder / "library-1.0.dist-info" / "top_level.txt").write_text("library\n")
    site.install(
        "acme-seg",
        "from pluxel.registry import Component, hookimpl\n@hookimpl\ndef pluxel_decoders():\n"
        "    return [Component('net', 'library:Net', 'One.'),"
        " Component('other', 'json:JSONDecoder', 'Two.')]",
    )
    import library  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    monkeypatch.setattr("pluxel.core.cli.plugins._print_lines", library.fail)
    with pytest.raises(ZeroDivisionError) as caught:
        main(["plugins", "list"])
    assert not hasattr(caught.value, "__notes__")


def test_malformed_metadata_do_not_hide_the_error(acme: Any) -> None:
    acme.install("other", None, entry_points="")
    (acme.folder / "other-1.0.dist-info" / "RECORD").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileNotFoundError) as caught:
        main(["crash"])
    assert "plugin acme-seg (" in note_of(caught.value)
