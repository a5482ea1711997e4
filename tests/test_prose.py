"""Links, commands and messages in Markdown exist, outside of code blocks.

test_docs.py runs the code blocks.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from pluxel.core.cli._main import cli

ROOT = Path(__file__).parents[1]
PATTERNS = ["*.md", "docs/**/*.md", "examples/*/*.md", "benchmarks/*.md", ".github/*.md"]
PAGES = sorted({page for pattern in PATTERNS for page in ROOT.glob(pattern)})
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]*)#?([^)]*)\)")
SPAN = re.compile(r"`([^`]+)`")
CODE = re.compile(r"\w\(|[={}\[\]·*/|]|->|^(pluxel|python|pip|make|head|source|--)")
"""Matches code spans with spaces that are not messages."""
WORDS = re.compile(
    r"likewise|\bbe had\b|mean IU|\bbreach|colour|neighbour|behaviour|normalis|licence|"
    r"[Tt]ells? whether|\bnot there\b",
)
"""Spellings and phrases that the documentation must not contain."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pages
def test_links_and_pictures_exist(page: Path) -> None:
    for link, anchor in LINK.findall(prose(page)):
        if "://" in link:
            continue
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"
        assert target.suffix != ".png" or target.stat().st_size < 100_000, link


@pages
def test_lines_are_short_and_words_follow_the_glossary(page: Path) -> None:
    lines = [line for line in prose(page).splitlines() if not line.startswith("|")]
    # A link or a code span does not break.
    assert [line for line in lines if len(line) > 100 and " " in line.strip()[:80]] == []
    assert WORDS.findall(prose(page)) == []


def spans() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for span in SPAN.findall(prose(page)):
            yield page, " ".join(span.split())


def unrun() -> Iterator[tuple[Path, str]]:
    """Yield page and command for the commands that test_docs.py does not run."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```sh options\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                assert "pluxel " in line, line
                yield page, line[line.index("pluxel ") :]


COMMANDS = sorted(
    {(page.name, span) for page, span in spans() if span.startswith("pluxel ")}
    | {(page.name, line) for page, line in unrun()}
)
MESSAGES = sorted(
    {
        (page.name, span)
        for page, span in spans()
        if span.count(" ") >= 2
        and not CODE.search(span)
        and page.parent.name != "adr"
        and page.name != "troubleshooting.md"  # test_docs_pages.py finds its parts of messages
    }
)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_in_the_text_exist(page: str, line: str) -> None:
    check_command(line)


def check_command(line: str) -> None:
    """Assert that every command of a line exists, and has the options that follow it."""
    command: click.Command = cli
    known = {"--help"}
    words = shlex.split(re.sub(r"[\[\]…]", "", line.replace(" | ", "/")))[1:]
    for word in words:
        known |= {name for parameter in command.params for name in parameter.opts}
        if word.startswith("-"):
            assert word in known, f"{word} of {command.name}"
        elif isinstance(command, click.Group) and re.fullmatch("[a-z/]+", word):
            first, *others = word.split("/")
            context = click.Context(command)
            for name in (*others, first):
                assert command.get_command(context, name), name
            command = command.get_command(context, first) or command


@cache
def patterns() -> list[tuple[re.Pattern[str], int]]:
    """Return a pattern for every string in the code, and the number of its literal characters."""
    found = set[tuple[str, ...]]()
    for path in (
        p for room in ("core", "plugins", "registry") for p in (ROOT / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "" for v in node.values]
                found.add(tuple(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add((node.value,))
    return [
        (re.compile("".join(re.escape(part) if part else ".*" for part in parts)), literal)
        for parts in found
        if (literal := sum(map(len, parts))) >= 8
    ]


def is_in_code(message: str) -> bool:
    """Return whether a string in the code, with its values filled in, equals the message."""
    return any(
        2 * literal >= len(message) and pattern.fullmatch(message)
        for pattern, literal in patterns()
    )


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition(".")[0] for page in pages]
    assert titles == [f"# {number}" for number in range(1, len(pages) + 1)]
    assert [int(page.name[:4]) for page in pages] == [*range(1, len(pages) + 1)]


ROOMS = (
    *("pluxel", "pluxel.core", "pluxel.core.authoring", "pluxel.core.conformance"),
    "pluxel.registry",
)
"""The public rooms. `pluxel.plugins` holds the classes behind the names in YAML."""
TAUGHT = sorted({*PAGES, *ROOT.glob("examples/**/*.md"), *ROOT.glob("examples/**/*.py")})
IMPORT = re.compile(r"^ *(?:from|import) (pluxel\b(?!\.plugins\.)[\w.]*)", re.MULTILINE)


@pytest.mark.parametrize("page", TAUGHT, ids=lambda page: str(page.relative_to(ROOT)))
def test_documents_import_from_the_public_rooms(page: Path) -> None:
    assert {*IMPORT.findall(page.read_text(encoding="utf-8"))} <= {*ROOMS}


def test_private_room_is_found() -> None:
    assert IMPORT.findall("x\n    from pluxel.core.model.strips import y") == [
        "pluxel.core.model.strips"
    ]


NAMES = sorted({span for _, span in spans() if re.fullmatch(r"pluxel(\.\w+)+", span)})


@pytest.mark.parametrize("name", NAMES)
def test_names_in_the_text_can_be_imported(name: str) -> None:
    room, _, last = name.rpartition(".")
    assert name in ROOMS or last in importlib.import_module(room).__all__


@pytest.mark.parametrize(("page", "message"), MESSAGES)
def test_messages_in_the_text_are_in_the_code(page: str, message: str) -> None:
    for part in message.split("…"):
        if re.search("[a-z]{3}", part):
            assert is_in_code(part.strip(" :()")) or is_in_code(part.lstrip(" :(")), part


def test_there_are_commands_and_messages_to_check() -> None:
    assert len(COMMANDS) > 30
    assert len(NAMES) > 1
    assert len(MESSAGES) > 6


@pytest.mark.parametrize(
    "line", ["pluxel predict RUN --outptu x", "pluxel data chekc", "pluxel similar A --method pca"]
)
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        check_command(line)


def test_a_wrong_message_is_found() -> None:
    assert is_in_code("each of its values depends on the whole image")
    assert not is_in_code("each of its values depends on the entire image")
