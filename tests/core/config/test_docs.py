"""Every example of docs/config.md: YAML that loads or fails as the page says, commands, Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pluxel.core.cli import main
from pluxel.core.config import ConfigError, load_config
from pluxel.registry import Host

PAGE = Path(__file__).parents[3] / "docs" / "config.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\w+\.yaml)\n")


def blocks() -> list[tuple[int, str, str, str]]:
    """Line, language, text, and the text of an error that follows."""
    page = PAGE.read_text(encoding="utf-8")
    found = [(page.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in BLOCK.finditer(page)]
    following = [*found[1:], (0, "", "")]
    return [
        (line, language, text, after[2] if after[1] == "text" else "")
        for (line, language, text), after in zip(found, following, strict=True)
    ]


def of(language: str) -> list[Any]:
    return [
        pytest.param(text, error, id=f"line {line}")
        for line, kind, text, error in blocks()
        if kind == language
    ]


@pytest.fixture
def page(folder: Path, monkeypatch: Any) -> Path:
    """A folder with the files that the page names."""
    for _, language, text, _ in blocks():
        if language == "yaml" and (name := NAME.match(text)):
            (folder / name[1]).write_text(text, encoding="utf-8")
    monkeypatch.delenv("LOG_EVERY", raising=False)
    return folder


def test_the_page_has_nothing_that_is_not_tested() -> None:
    assert {language for _, language, _, _ in blocks()} == {"yaml", "text", "console", "python"}
    assert PAGE.read_text(encoding="utf-8").count("\n```") == 2 * len(blocks())


@pytest.mark.parametrize(("text", "error"), of("yaml"))
def test_yaml(page: Path, text: str, error: str) -> None:
    name = NAME.match(text)
    path = page / (name[1] if name else "config.yaml")
    path.write_text(text, encoding="utf-8")
    if not error:
        load_config(path, host=Host())
        return
    with pytest.raises(ConfigError) as caught:
        load_config(path, host=Host())
    assert f"{caught.value}\n" == error


@pytest.mark.parametrize(("text", "error"), of("console"))
def test_console(page: Path, text: str, error: str, capsys: Any) -> None:
    command, _, expected = text.partition("\n")
    with pytest.raises(SystemExit):
        main(shlex.split(command.removeprefix("$ pluxel")))
    out, err = capsys.readouterr()
    # An ellipsis on a line of its own stands for any lines.
    pattern = re.escape(_aligned(expected)).replace("…\\\n", "(.*\n)*")
    assert re.fullmatch(pattern, _aligned(out + err)), out + err


def _aligned(text: str) -> str:
    """How far to the right comments stand depends on the longest line."""
    return re.sub(" +#", " #", text)


@pytest.mark.parametrize(("text", "error"), of("python"))
def test_python(page: Path, text: str, error: str) -> None:
    exec(compile(text, str(PAGE), "exec"), {})
