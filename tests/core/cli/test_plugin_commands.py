"""Plugins add commands to ``pluxel``, and never replace one."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from pluxel.core.cli._plugin_commands import declares_plugins

PLUGIN = """
from pluxel.registry import Subcommand, hookimpl

@hookimpl
def pluxel_commands():
    return [Subcommand({name!r}, "{module}_commands:show", "Show it.")]
"""
COMMANDS = """
import click

@click.command()
@click.argument("word", default="nothing")
@click.pass_obj
def show(session, word):
    click.echo(f"{word} with {sorted(session.host.providers)}")
"""


def install(site: Any, name: str, command: str, code: str | None = COMMANDS) -> None:
    module = site.install(name, PLUGIN.format(name=command, module=name.replace("-", "_")))
    if code is not None:
        site.module(f"{module}_commands", code)


def section(text: str) -> list[str]:
    """Return the lines about commands of plugins in the help."""
    return [line.strip() for line in text.partition("Commands of plugins:\n")[2].splitlines()]


def test_a_command_runs_and_is_part_of_the_help(command: Any, site: Any) -> None:
    install(site, "acme-seg", "show-it")
    assert section(command("--help")[1]) == ["show-it  Show it. [acme-seg]"]
    assert command("show-it", "word") == (0, "word with ['acme-seg', 'pluxel']\n", "")
    assert command("acme-seg/show-it")[0] == 0
    assert "Usage: pluxel show-it [OPTIONS] [WORD]" in command("show-it", "--help")[1]


@pytest.mark.parametrize("options", [["--no-plugins"], ["--deny-plugin", "acme-seg"]])
def test_excluded_plugins_have_no_commands(command: Any, site: Any, options: list[str]) -> None:
    install(site, "acme-seg", "show-it")
    assert section(command(*options, "--help")[1]) == []
    code, _, err = command(*options, "show-it")
    assert code == 2
    assert "No such command 'show-it'" in err
    command("--deny-plugin", "acme-seg", "show-it")


def test_a_command_of_a_plugin_file(command: Any, site: Any) -> None:
    site.module("acme_seg_commands", COMMANDS)
    path = site.module("my_commands", PLUGIN.format(name="show-it", module="acme_seg"))
    code, out, _ = command("--plugin", str(path), "show-it")
    assert (code, out) == (0, "nothing with ['my_commands.py', 'pluxel']\n")


@pytest.mark.parametrize("name", ["train", "import"])
def test_a_built_in_command_is_not_shadowed(command: Any, site: Any, name: str) -> None:
    install(site, "acme-seg", name)
    _, out, _ = command("--help")
    assert section(out) == [f"acme-seg/{name}  Show it. [acme-seg]"]
    assert "acme" not in command(name, "--help")[1]
    assert command(f"acme-seg/{name}")[1] == "nothing with ['acme-seg', 'pluxel']\n"
    _, out, _ = command("--deny-plugin", "pluxel", "plugins", "doctor")
    assert (
        f"warning command acme-seg/{name}\n"
        f"        Pluxel has a command {name!r}: run pluxel acme-seg/{name}\n"
    ) in out


def test_two_plugins_with_one_command(command: Any, site: Any) -> None:
    install(site, "acme-seg", "show-it")
    install(site, "zeta", "show-it")
    assert [line.partition(" ")[0] for line in section(command("--help")[1])] == [
        "acme-seg/show-it",
        "zeta/show-it",
    ]
    code, _, err = command("show-it")
    assert (code, err) == (
        2,
        "command 'show-it' is offered by 2 plugins. "
        "Run pluxel acme-seg/show-it or pluxel zeta/show-it\n",
    )
    assert command("zeta/show-it")[0] == 0


def test_a_misspelled_command(command: Any, site: Any) -> None:
    install(site, "acme-seg", "show-it")
    site.install("broken-seg", "import torchh")
    code, _, err = command("shw-it")
    assert code == 2
    assert (
        "Error: No such command 'shw-it'. Did you mean 'show-it'?\n  note: plugin broken-seg "
        "(ModuleNotFoundError: No module named 'torchh') failed to load and may provide it\n"
    ) in err


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, "acme-seg/show-it is registered as acme_seg_commands:show, but there is no module"),
        ("import torchh", "acme-seg/show-it needs the module 'torchh', which is not installed"),
        ("show = 3", "that is not a click command: decorate it with @click.command()"),
        ("1 / 0", "acme-seg/show-it cannot be imported (ZeroDivisionError: division by zero)"),
    ],
)
def test_a_broken_command_is_one_line(
    command: Any, site: Any, code: str | None, error: str
) -> None:
    install(site, "acme-seg", "show-it", code)
    exit_code, out, err = command("show-it")
    assert (exit_code, out, len(err.splitlines())) == (2, "", 1)
    assert error in err
    assert command("--help")[0] == 0
    exit_code, out, _ = command("--deny-plugin", "pluxel", "plugins", "doctor")
    assert error in out
    assert exit_code == ("torchh" not in error)


def test_health_checks_of_plugins(command: Any, site: Any) -> None:
    site.install(
        "acme-seg",
        """
        from pluxel.registry import HealthCheck, hookimpl

        @hookimpl
        def pluxel_doctor():
            return [
                HealthCheck("license"),
                HealthCheck("server", "acme.example does not answer: start it"),
                HealthCheck("cache", "it is nearly full", warning=True),
            ]
        """,
    )
    code, out, _ = command("--deny-plugin", "pluxel", "plugins", "doctor")
    assert code == 1
    assert out.splitlines()[:3] == [
        "ok      acme-seg: license",
        "FAILED  acme-seg: server: acme.example does not answer: start it",
        "warning acme-seg: cache: it is nearly full",
    ]
    assert out.endswith("1 broken, 1 with warnings\n")


class TestDeclaresPlugins:
    """The help loads the host only if this says that there may be plugins."""

    def test_distributions(self, site: Any) -> None:
        path = [str(site.folder), "", "/nowhere"]
        assert not declares_plugins(path)
        site.install("other", None, entry_points="[console_scripts]\nother = other:main\n")
        site.install("pluxel", None)
        assert not declares_plugins(path)
        site.install("acme-seg", None)
        assert declares_plugins(path)

    def test_an_egg_info_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "acme.egg-info").mkdir()
        (tmp_path / "acme.egg-info" / "entry_points.txt").write_text("[Pluxel]\nmain = acme\n")
        monkeypatch.chdir(tmp_path)
        assert declares_plugins([""])

    def test_an_archive(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
            archive.writestr("x", "")
        assert declares_plugins([str(tmp_path / "some.zip")])
