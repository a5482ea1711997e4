"""Rules for the tests themselves: their length, their folders, and what they may import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
LINES = 400
NO_MIRROR = {TESTS / "core/fakes"}
"""Folders of tests that mirror no folder of code: plugins that tests treat as installed."""
CLOCK = re.compile(r"\btime\.(sleep|time|monotonic|perf_counter|process_time)(_ns)?\(")
PEERS = {"faiss", "fasttext", "gensim", "segmentation_models_pytorch", "skimage", "sklearn"} | {
    "torchmetrics"
}
PRIVATE = {
    "core.cli._completion": "that it obeys global options, without a shell",
    "core.cli._conformance": "which plugins a check loads",
    "core.cli._main": "the group of commands itself, run by click's own runner",
    "core.cli._parameters": "the words for every range of pydantic; a command shows a few of them",
    "core.cli._plugin_commands": "when the help needs no host",
    "core.cli._session": "a command with the plugin host of a test, and options of processes",
    "core.config._config": "the types of a loaded configuration",
    "core.config._load": "that a run keeps what was asked for",
    "core.config._load_words": "files of words alone, or of either kind",
    "core.config._provenance": "how a release is named",
    "core.config._schema": "the JSON Schema that `pluxel config schema` prints",
    "core.conformance._check": "errors of checks that run alone",
    "core.conformance._datasets": "what a worker process raises",
    "core.conformance._fresh": "a plugin that no other process can import",
    "core.conformance._state": "what of a process is compared and restored",
    "core.data._albumentations": "which distribution provides albumentations",
    "core.data._transforms": "how one transform of YAML is built",
    "core.embeddings._archives": "a file on a failing disk",
    "core.embeddings._evaluation": "correlations of any numbers, which no word vectors can make",
    "core.embeddings._spelling": "suggestions for any word and vocabulary",
    "core.embeddings._store": "the size of a block of a store",
    "core.embeddings._vocabulary": "the size of a block of a vocabulary",
    "core.engine.inference.tiling._blending": "how many windows are held",
    "core.geometry.resampling._stored": "the cache of matrices",
    "core.geometry.tracing._dispatch": "the shapes that one trace saw",
    "core.geometry.tracing._probing": "gradients, to compare with what was computed",
    "core.geometry.tracing._replica": "the copy that one run needs",
    "core.geometry.tracing._results": "what is computed once",
    "core.geometry.tracing._roundings": "whether two runs prove that no size differs",
    "core.neighbors._blocks": "the sizes of blocks, made small",
    "core.neighbors._compact": "the sizes of blocks, made small",
    "core.neighbors._exact": "sums in a fixed order, bit for bit",
    "core.neighbors._index": "the number of rows from which the compact copy is used",
    "core.neighbors._one_query": "whether the codes answered",
    "core.neighbors._products": "products without SimSIMD",
    "core.neighbors._scores": "scores on a device",
    "plugins.backbones._convolutional": "the classifier as convolutions",
    "plugins.backbones.timm_features._dilated": "which of timm's networks support dilation",
    "plugins.decoders._upsampling": "kernels of upsampling on their own",
    "plugins.embeddings._binary": "the size of a block of a file",
    "plugins.embeddings._fasttext_file": "where the header of a file ends",
    "plugins.embeddings._fasttext_parts": "the parts of any bytes",
    "plugins.embeddings._fasttext_store": "the size of a block of rows",
    "plugins.losses._overlap": "overlaps of any classes",
    "plugins.trackers._package": "variables that trackers share, without their packages",
    "registry._packages": "the command for a missing package",
    "registry._target": "the command for a missing package",
}
"""Private modules and names of Pluxel that are the subject of a test -> what it tests."""
ELSEWHERE = {
    "core.embeddings._archives": "a file on a failing disk, as each reader meets it",
    "registry._packages": "the command for a missing package, in every part",
    "core.cli._main": "the help of every command is read as prose",
    "core.config._load_words": "recipes, docs and readers of word vectors are loaded as users do",
    "core.config._schema": "editors check the YAML of the docs",
    "core.geometry.tracing._probing": "the specs of each backbone agree with gradients",
    "plugins.backbones._convolutional": "the number of channels of fc6, made small",
    "plugins.decoders._upsampling": "the taps of the release, to compare a backbone's grid with",
}
"""Private modules that tests of other rooms import -> the reason."""


def too_long(text: str) -> bool:
    return len(text.splitlines()) > LINES


def imports(text: str) -> Iterator[str]:
    """Yield the full names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_parts(text: str) -> set[str]:
    """Return the imported names of Pluxel, each up to its first private part."""
    matches = (re.match(r"pluxel\.(?:\w+\.)*?_\w+", name) for name in imports(text))
    return {match[0].removeprefix("pluxel.") for match in matches if match}


def test_files_are_short() -> None:
    assert [str(path) for path in FILES if too_long(path.read_text("utf-8"))] == []


def test_folders_mirror_the_code() -> None:
    folders = {path.parent for path in FILES} - {TESTS} - NO_MIRROR
    assert [str(path) for path in folders if not (ROOT / path.relative_to(TESTS)).is_dir()] == []


def test_no_file_reads_a_clock() -> None:
    """On a busy machine, a test of elapsed time can fail without a fault."""
    others = [path for path in FILES if path != Path(__file__)]
    assert [str(path) for path in others if CLOCK.search(path.read_text("utf-8"))] == []


def test_peers_are_imported_by_their_fixture() -> None:
    """The fixture marks the test, so that other tests do not need the package."""
    found = {
        str(path): names
        for path in FILES
        if (names := {name.partition(".")[0] for name in imports(path.read_text("utf-8"))} & PEERS)
    }
    assert found == {}


def in_its_room(name: str, path: Path) -> bool:
    """Return whether a test file is in the room of a private module or name."""
    return [*path.parent.relative_to(TESTS).parts[:2]] == name.split(".")[:-1][:2]


def test_private_names_are_imported_where_they_are_the_subject() -> None:
    found = {(name, path) for path in FILES for name in private_parts(path.read_text("utf-8"))}
    assert {name for name, _ in found} == PRIVATE.keys(), "say what of it is tested, or delete it"
    outside = {pair for pair in found if pair[0] not in ELSEWHERE and not in_its_room(*pair)}
    assert outside == set()


@pytest.mark.parametrize(
    ("line", "private"),
    [
        (
            "from pluxel.core.geometry.tracing._probing import probe",
            "core.geometry.tracing._probing",
        ),
        ("from pluxel.core.neighbors import knn, _exact", "core.neighbors._exact"),
        ("def test():\n    import pluxel.core.cli._main", "core.cli._main"),
        ("from pluxel.core.geometry.grid import Grid", None),
        ("from pluxel.core.config.sections.labels import a_b", None),
    ],
)
def test_a_private_import_is_found(line: str, private: str | None) -> None:
    assert private_parts(line) == ({private} if private else set())


def test_a_clock_and_a_long_file_are_found() -> None:
    assert CLOCK.search("    assert time.perf_counter() - started < 2")
    assert not CLOCK.search("monkeypatch.setattr(time, 'perf_counter', lambda: 0)")
    assert too_long("\n" * 401)
    assert not too_long("\n" * 400)
