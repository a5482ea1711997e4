"""What arrives in files and pipes that commands write to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import PLUXEL, TOY, Pluxel


@pytest.mark.slow
class TestOutput:
    @pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "gbk"])
    @pytest.mark.parametrize(
        "arguments",
        [("config", "check", "toy.yaml"), ("config", "schema"), ("analogy", "--help"), ("--help",)],
    )
    def test_pipes_and_files_get_utf8(
        self, pluxel: Pluxel, tmp_path: Path, monkeypatch: Any, encoding: str, arguments: Any
    ) -> None:
        (tmp_path / "toy.yaml").write_text(TOY)
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        done = pluxel(*arguments, encoding="utf-8")
        assert (done.returncode, done.stderr) == (0, "")
        assert not done.stdout.isascii()

    def test_what_is_written_to_a_file_can_be_read(
        self, pluxel: Pluxel, tmp_path: Path, monkeypatch: Any
    ) -> None:
        (tmp_path / "toy.yaml").write_text(TOY + "labels: {map: {0: Straße}}\n", encoding="utf-8")
        monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
        shown = pluxel("config", "show", "toy.yaml", encoding="utf-8").stdout
        (tmp_path / "shown.yaml").write_text(shown, encoding="utf-8")
        assert "Straße" in shown
        assert pluxel("config", "check", "shown.yaml", encoding="utf-8").returncode == 0

    @pytest.mark.parametrize("arguments", [("plugins", "list"), ("config", "schema"), ("--help",)])
    def test_a_full_disk_is_one_line(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*PLUXEL, *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                check=False,
            )
        assert done.returncode == 1
        assert done.stderr == "cannot write the output: No space left on device\n"

    def test_a_reader_that_ends_is_no_error(self, tmp_path: Path) -> None:
        with subprocess.Popen(
            [*PLUXEL, "config", "schema"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        ) as process:
            assert process.stdout
            process.stdout.close()
            assert process.stderr
            assert process.stderr.read() == b""
        assert process.returncode == 1

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            ("BrokenPipeError(32, 'Broken pipe')", "BrokenPipeError: [Errno 32] Broken pipe"),
            ("OSError(28, 'No space left on device')", "OSError: [Errno 28] No space left on"),
            ("OSError(5, 'Input/output error')", "OSError: [Errno 5] Input/output error"),
            ("EOFError('a worker ended')", "EOFError: a worker ended"),
        ],
    )
    def test_an_error_of_another_file_or_pipe_has_a_traceback(
        self, pluxel: Pluxel, tmp_path: Path, error: str, says: str
    ) -> None:
        (tmp_path / "broken.py").write_text(BROKEN.replace("ERROR", error))
        done = pluxel("--plugin", "broken.py", "break")
        assert done.returncode == 1
        assert done.stdout == "it starts\n"
        assert "Traceback (most recent call last):" in done.stderr
        assert says in done.stderr
        assert "The error passes through the code of plugin broken.py" in done.stderr

    def test_a_full_disk_behind_another_output_names_it(self, pluxel: Pluxel) -> None:
        done = pluxel("config", "schema", "--output", "/dev/full", "--overwrite")
        assert done.returncode == 2
        assert done.stderr == "cannot write /dev/full: No space left on device\n"
        assert Path("/dev/full").is_char_device()


BROKEN = """
import click
from pluxel.registry import hookimpl, Subcommand

@hookimpl
def pluxel_commands():
    return [Subcommand("break", __name__ + ":broken", "Break.")]

@click.command()
def broken():
    click.echo("it starts")
    raise ERROR
"""
