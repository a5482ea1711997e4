"""Global options reach the plugin host and all processes that a command starts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from pluxel.core.cli import demo
from pluxel.core.cli._completion import complete_plugin
from pluxel.core.cli._conformance import run_checks
from pluxel.core.cli._main import cli
from pluxel.core.cli._session import Session
from pluxel.registry import Host

LOSS = '''
from torch import Tensor, nn
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_losses():
    return [Component("mine", __name__ + ":Mine", "A loss.")]

class Mine(nn.Module):
    """A loss."""

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.ignored = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, target, ignore_index=self.ignored)
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plugin in a single file."""
    file = tmp_path_factory.mktemp("plugin") / "session_loss.py"
    file.write_text(LOSS)
    return file


OPTIONS = [
    ["--plugin", "PLUGIN", "--no-plugins"],
    ["--allow-plugin", "pluxel", "--traceback"],
    [],
]


def test_all_global_options_are_repeated() -> None:
    session = Session()
    session.allow, session.deny = ("a", "b"), ("c", "d")
    assert session.options == [
        *("--allow-plugin", "a", "--allow-plugin", "b", "--deny-plugin", "c", "--deny-plugin", "d")
    ]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_demo_passes_on_the_global_options(
    options: list[str], plugin: Path, tmp_path: Path, command: Any, monkeypatch: Any
) -> None:
    started: list[list[str]] = []

    def run(arguments: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        started.append(arguments)
        return subprocess.CompletedProcess(arguments, int(check))

    drawn: list[Host] = []
    monkeypatch.setattr(demo.subprocess, "run", run)
    monkeypatch.setattr(demo, "_draw", lambda _folder, host: drawn.append(host))
    given = [str(plugin) if one == "PLUGIN" else one for one in options]
    code, out, err = command(*given, "demo", "--output", str(tmp_path / "run"))
    assert (code, err) == (0, "")
    shown = " ".join([*given, "train"])
    assert f"$ pluxel {shown} shapes_fcn8s_resnet18" in out
    assert len(started) == 3
    for arguments in started:
        assert arguments[1:4] == ["-P", "-m", "pluxel"]
        assert arguments[4 : 4 + len(given)] == given
    (host,) = drawn
    assert ("session_loss.py" in host.providers) is ("PLUGIN" in options)


def test_a_checked_file_joins_the_plugins_of_the_global_options(plugin: Path) -> None:
    session = Session()
    session.allow = ()
    before = session.host
    given = (session, str(plugin), ["loss"], ["builds"], [], [])
    (result,) = run_checks(*given, quiet=True)
    assert result.passed, result.problem
    assert session.host is not before
    assert {*session.host.providers} == {"pluxel", "session_loss.py"}
    assert session.plugins == (plugin,)
    [*run_checks(*given, quiet=True)]
    assert session.plugins == (plugin,)


def test_completion_obeys_the_global_options(plugin: Path, monkeypatch: Any) -> None:
    context = click.Context(cli)
    context.params = {"plugins": (plugin,), "no_plugins": True}
    parameter = click.Argument(["name"])
    offered = {one.value for one in complete_plugin(context, parameter, "")}
    assert {"pluxel", "session_loss.py"} <= offered
    assert context.find_object(Session).allow == ()


def shadowed(folder: Path) -> Path:
    """Write files with the names of modules of the standard library."""
    for name in ("json", "queue", "random", "socket", "tempfile"):
        (folder / f"{name}.py").write_text("raise RuntimeError('from the working folder')\n")
    return folder


def test_a_process_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    arguments = Session().process("plugins", "list")
    done = subprocess.run(
        arguments, cwd=shadowed(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "fcn8s" in done.stdout


@pytest.mark.slow
def test_the_kit_imports_nothing_from_the_working_folder(
    plugin: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(shadowed(tmp_path / "here"))
    (result,) = run_checks(Session(), str(plugin), ["loss"], ["clean_import"], [], [], quiet=True)
    assert result.passed, result.problem
