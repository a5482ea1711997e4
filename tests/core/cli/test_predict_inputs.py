"""The paths of ``pluxel predict``: plain, or one for each input by name."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pluxel.core.cli.predict import NamedPath, by_input


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Return a function from arguments to paths, in a folder with two folders and an odd file."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "hha"):
        (tmp_path / folder).mkdir()
    (tmp_path / "image=1.png").touch()
    found = []

    @click.command()
    @click.argument("paths", nargs=-1, type=NamedPath())
    def command(paths):
        found.append(by_input(paths))

    def run(*arguments):
        result = CliRunner().invoke(command, arguments)
        return found.pop() if found else result.output

    return run


def test_plain_and_named_paths(parse):
    assert parse("photos", "hha") == [Path("photos"), Path("hha")]
    assert parse("image=photos", "hha=hha") == {"image": Path("photos"), "hha": Path("hha")}
    assert parse("hha=hha/*_hha.png") == {"hha": Path("hha/*_hha.png")}


def test_an_existing_file_with_an_equals_sign_is_a_path(parse):
    assert parse("image=1.png") == [Path("image=1.png")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["image=photos", "hha"], "hha has no name: give one INPUT=PATH for each input"),
        (["image=photos", "image=hha"], "input 'image' is given twice: give one INPUT=PATH"),
        (["hha=gone"], "hha=gone does not exist; to change the configuration, give --set hha=gone"),
    ],
)
def test_mistakes_are_usage_errors(parse, arguments, message):
    assert message in parse(*arguments)
