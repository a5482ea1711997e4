"""Each row of docs/reproduction.md has one command, which Pluxel accepts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from pluxel.core import load_config
from pluxel.core.cli._main import cli
from pluxel.core.config.tree.files import shipped
from pluxel.registry import Host

PAGE = Path(__file__).parents[1] / "docs" / "reproduction.md"


def rows() -> list[list[str]]:
    """Return the cells of all rows of tables that have a column ``command``."""
    found: list[list[str]] = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and cells[-1].strip("| ") == "command":
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|-"):
            found.append([cell.strip("| ") for cell in cells])
    return found


COMMANDS = [f"`{one}`" for row in rows() for one in row[-1].strip("`").split(" && ")]


def test_the_page_has_rows_of_every_table() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS)
def test_a_row_has_a_command_that_exists(command: str) -> None:
    words = re.fullmatch("`(.*)`", command)
    assert words, f"no command: {command}"
    program, *names = shlex.split(words[1])
    assert program == "pluxel"
    group: click.Command | None = cli
    while isinstance(group, click.Group) and names:
        group = group.get_command(click.Context(group), names.pop(0))
    assert isinstance(group, click.Command)
    assert not isinstance(group, click.Group)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if re.match("`pluxel (train|describe|benchmark)", one)]
)
def test_the_configuration_of_a_row_loads(command: str, host: Host) -> None:
    _, verb, *arguments = shlex.split(command.strip("`"))
    name, *overrides = arguments[1:] if verb == "benchmark" else arguments
    assert name in shipped()
    load_config(name, [one for one in overrides if "=" in one], host=host)


def test_every_recipe_of_the_papers_is_in_a_row() -> None:
    recipes = {name for name in shipped() if re.match("voc|nyudv2|siftflow|context", name)}
    listed = {word for command in COMMANDS for word in re.findall(r"\w+", command)}
    assert recipes - listed == {"siftflow_heavy_fcn32s_vgg16"}  # no score of it was published


def written(command: str) -> str | None:
    """Return the run that a command writes, or None if it writes none."""
    _, verb, name, *others = shlex.split(command.strip("`"))
    if verb == "train":
        return others[others.index("--run") + 1] if "--run" in others else f"runs/{name}"
    return others[others.index("--output") + 1] if verb == "import" else None


def test_no_row_writes_the_run_of_another_one() -> None:
    runs = [run for run in map(written, COMMANDS) if run]
    assert len(runs) > 30
    assert not {run for run in runs if runs.count(run) > 1}


def test_rows_that_read_a_run_name_one_that_another_row_writes() -> None:
    read = [
        shlex.split(one.strip("`"))[2] for one in COMMANDS if re.match("`pluxel (eval|pred)", one)
    ]
    assert len(read) > 3
    assert {*read} <= {*map(written, COMMANDS)}
