"""Every snippet in the documentation runs, or fails with the error that the page shows.

- ``python``: the blocks of a page form one program, which runs after the page's commands. The
  blocks ``python first`` form one that runs before them. A first line ``# NAME.py`` also writes the
  block to that file.
- ``sh``: commands of ``pluxel``, which run in order in a folder with a user's files. For
  ``sh options``, which tests cannot run, test_prose.py checks the names of commands and options.
- ``console``: one command and its output; a line ``…`` matches any lines.
- ``yaml``: a pipeline, or sections that override the pipeline of docs/config.md; a ``text`` block
  that follows is the expected error.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from PIL import Image
from pluxel.core.cli import main
from pluxel.core.config._load_words import load_any
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.core.embeddings import WordVectors, write_vectors
from pluxel.registry import Host

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*(?: options| first)?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\w+\.(?:yaml|py))\n")

QUICK = [
    "training={steps: 2, batch_size: 2, eval_every: 2, schedule: {warmup_steps: 0}}",
    "backbone={type: timm, model: test_resnet, pretrained: false}",
]
"""Overrides that make training short enough for a test."""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str
    error: str
    """The ``text`` block that follows a ``yaml`` block, or an empty string."""


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    matches = [*FENCE.finditer(text), None]
    for match, following in pairwise(matches):
        assert match is not None
        error = following[2] if following and following[1] == "text" else ""
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2], error)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PIPELINE = next(b.text for b in BLOCKS if b.text.startswith("# pipeline.yaml"))


def of(language: str) -> list[object]:
    return [
        pytest.param(block, id=f"{block.page.name}:{block.line}")
        for block in BLOCKS
        if block.language == language
    ]


@pytest.fixture(scope="session")
def words_file(tmp_path_factory: pytest.TempPathFactory, glove: WordVectors) -> Path:
    """Write the most frequent words of GloVe 6B, 50 dimensions, in the format of the release."""
    path = tmp_path_factory.mktemp("words") / "glove.6B.50d.txt"
    words = glove.itos[:100_000]
    write_vectors(WordVectors(words, glove.vectors[: len(words)]), path, "glove")
    return path


@pytest.fixture
def here(tmp_path: Path, words_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a user's folder, with photographs, masks and a file of word vectors, and enter it."""
    (tmp_path / "glove.6B.50d.txt").symlink_to(words_file)
    monkeypatch.setenv("PLUXEL_CACHE", str(words_file.parent))
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for name in ("old1", "old2", "old3", "old4", "new"):
        image = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "photos" / f"{name}.jpg")
        mask = rng.integers(0, 3, (48, 64)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOG_EVERY", raising=False)
    return tmp_path


def write_named(folder: Path, page: Path) -> None:
    """Write the YAML files that a page names."""
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    for block in blocks_of(page):
        if block.language == "yaml" and not block.error and (name := NAME.match(block.text)):
            (folder / name[1]).write_text(block.text, encoding="utf-8")


def pluxel(*arguments: str) -> int:
    """Run ``pluxel`` in this process, which saves seconds, and return its exit code."""
    with pytest.raises(SystemExit) as exited:
        main(list(arguments))
    return int(exited.value.code or 0)


def test_every_block_has_a_tested_language() -> None:
    tested = {"yaml", "text", "console", "python", "python first", "sh", "sh options"}
    tested |= {"shell"}  # commands of trackers' packages: tests/plugins/trackers/test_packages.py
    assert {b.language for b in BLOCKS} == tested
    for page in PAGES:
        blocks = [*blocks_of(page)]
        text = page.read_text(encoding="utf-8")
        assert text.count("```") == 2 * len(blocks), page
        # blocks_of does not find indented blocks.
        assert not re.search(r"\n\n    \S", FENCE.sub("", text)), page
        # A text block is the error of the YAML block before it.
        assert all(
            block.language == "yaml"
            for block, following in pairwise(blocks)
            if following.language == "text"
        )


IN_SCHEMA = re.compile(r"unknown (key|decoder)|has no parameter|expected ")
"""Errors that editors show too."""


@pytest.fixture(scope="session")
def schema() -> Draft202012Validator:
    return Draft202012Validator(config_schema(Host()))


def read(text: str) -> object:
    tree = parse(text, lambda *_: Location("f"), Problems())
    assert tree
    return plain(tree)


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_blocks(here: Path, block: Block, schema: Draft202012Validator) -> None:
    write_named(here, block.page)
    sections = yaml.safe_load(block.text).keys()
    whole = {"base", "embedding"} & sections or (
        {"backbone", "streams"} & sections and "dataset" in sections
    )
    name = NAME.match(block.text)
    path = here / (name[1] if name else "config.yaml")
    path.write_text(("" if whole else "base: pipeline.yaml\n") + block.text, encoding="utf-8")
    is_valid = schema.is_valid(read(path.read_text(encoding="utf-8")))
    if not block.error:
        load_any(path, host=Host())
        assert is_valid
        return
    assert is_valid is not bool(IN_SCHEMA.search(block.error))
    with pytest.raises(ConfigError) as caught:
        load_any(path, host=Host())
    assert f"{caught.value}\n" == block.error


@pytest.mark.parametrize("block", of("console"))
def test_console_blocks(here: Path, block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    write_named(here, block.page)
    command, _, expected = block.text.partition("\n")
    pluxel(*shlex.split(command.removeprefix("$ pluxel")))
    out, err = capsys.readouterr()
    pattern = re.escape(_aligned(expected)).replace("…\\\n", "(.*\n)*")
    assert re.fullmatch(pattern, _aligned(out + err)), out + err


def _aligned(text: str) -> str:
    """Remove the alignment of comments, which depends on the longest line."""
    return re.sub(" +#", " #", text)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name)
        for page in PAGES
        if {"sh", "python"} & {block.language for block in blocks_of(page)}
    ],
)
def test_commands_and_programs(here: Path, page: Path) -> None:
    blocks = [*blocks_of(page)]
    for block in blocks:
        if block.language == "python" and (name := NAME.match(block.text)):
            (here / name[1]).write_text(block.text, encoding="utf-8")
    run_program(block.text for block in blocks if block.language == "python first")
    commands = [
        shlex.split(line, comments=True)
        for block in blocks
        if block.language == "sh"
        for line in block.text.splitlines()
        if line.strip()
    ]
    if not any(command[1:3] == ["data", "init"] for command in commands):
        assert pluxel("data", "init", "photos", "masks", "--output", "mine.yaml") == 0
    for command in commands:
        assert run(*command) == 0, command
    run_program(block.text for block in blocks if block.language == "python")


def run_program(texts: Iterable[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input="\n".join(texts),
        text=True,
        capture_output=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr


def run(program: str, *arguments: str) -> int:
    """Run a command of a page, shortened if it takes long."""
    if program == "make":
        # The targets of make would run this test again.
        return subprocess.run(["make", "-n", "-C", str(ROOT), *arguments], check=False).returncode
    if program in ("pip", "pytest"):  # tests/core/cli/test_parts.py reads these lines
        return 0
    assert program == "pluxel"
    match arguments:
        case ["train", recipe, *_] if not recipe.endswith(".yaml"):
            # tests/configs trains the shipped pipelines; their data is not available here.
            return pluxel("config", "check", *arguments[1:])
        case ["train", *_]:
            others = (one for one in arguments if not one.startswith(("training.", "backbone.")))
            return pluxel(*others, *QUICK)
        case _:
            return pluxel(*arguments)


def test_the_plugin_in_the_readme_is_the_example() -> None:
    plugin = ROOT / "examples" / "acme-seg" / "acme_seg" / "plugin.py"
    assert f"```python\n{plugin.read_text(encoding='utf-8')}```" in PAGES[0].read_text("utf-8")
