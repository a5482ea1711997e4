"""What the examples' own pages tell to type, and what they show."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from .conftest import EXAMPLES, Installed, pluxel
from .test_acme_seg import PLUXEL

pytestmark = pytest.mark.slow

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BROKEN = "broken-seg"


@pytest.mark.parametrize(
    "name", ["acme-hooks", "acme-seg", "glove-6b-50d", "labelme", "poly-loss", "squeezenet"]
)
def test_commands_and_configurations(name: str, installed: Installed, tmp_path: Path) -> None:
    env = installed(name)
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    blocks = dict(FENCE.findall(page))
    install, *commands = blocks.pop("sh").splitlines()
    assert install == f"pip install ./examples/{name}"  # as the fixture did
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "pluxel"
        succeeds(env, tmp_path, *arguments)
    if configuration := blocks.pop("yaml", ""):
        (tmp_path / "mine.yaml").write_text(
            "base: shapes_fcn8s_resnet18\n" + configuration, encoding="utf-8"
        )
        succeeds(env, tmp_path, "config", "check", "mine.yaml")
    assert not blocks


def succeeds(env: dict[str, str], folder: Path, *arguments: str) -> None:
    done = pluxel(env, folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def blocks_of(name: str) -> list[str]:
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    return [text for language, text in FENCE.findall(page) if language == "console"]


@pytest.mark.parametrize("block", blocks_of(BROKEN), ids=lambda block: block.partition("\n")[0])
def test_what_users_of_a_broken_plugin_see(block: str, installed: Installed) -> None:
    command, _, expected = block.partition("\n")
    done = subprocess.run(
        [PLUXEL, *shlex.split(command.removeprefix("$ pluxel"))],
        env=installed(BROKEN),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # A line … is any lines, and … in a line is the rest of it.
    pattern = re.escape(expected).replace("…\\\n", "(.*\n)*").replace("…", ".*")
    assert re.fullmatch(pattern, done.stdout), done.stdout
    expected_code = (
        1 if "doctor" in command else 2 if "lost" in command or "scaled" in command else 0
    )
    assert done.returncode == expected_code


def test_the_broken_plugin_shows_all_its_faults() -> None:
    assert len(blocks_of(BROKEN)) == 5
