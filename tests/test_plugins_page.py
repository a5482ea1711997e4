"""docs/plugins.md shows real files, which are short, and lists the tools for authors."""

from __future__ import annotations

import re
from pathlib import Path

import pluxel.core
import pytest
from pluxel.core import authoring
from pluxel.core.cli import main
from pluxel.core.contracts.table import CONTRACTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/plugins.md").read_text("utf-8")
EXAMPLES = ROOT / "examples"
SQUEEZENET = EXAMPLES / "squeezenet/pluxel_squeezenet/squeezenet.py"
POLY1 = EXAMPLES / "poly-loss/pluxel_poly_loss/poly1.py"


@pytest.fixture(scope="module")
def roofs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that ``pluxel new dataset roofs`` writes."""
    folder = tmp_path_factory.mktemp("new")
    with pytest.raises(SystemExit):
        main(["new", "dataset", "roofs", "--output", str(folder)])
    return folder / "roofs/roofs/dataset.py"


def is_shown(file: Path) -> bool:
    return f"```python\n{file.read_text('utf-8')}```" in PAGE


def lines(file: Path) -> int:
    """Return the number of lines, with imports, docstrings and empty lines."""
    return len(file.read_text("utf-8").splitlines())


def test_a_pretrained_backbone_has_at_most_forty_lines() -> None:
    assert is_shown(SQUEEZENET)
    assert "pretrained: Pretrained" in SQUEEZENET.read_text("utf-8")
    assert lines(SQUEEZENET) <= 40


def test_a_loss_by_strips_has_at_most_twenty_lines() -> None:
    assert is_shown(POLY1)
    assert lines(POLY1) <= 20


def test_a_dataset_of_paired_files_has_at_most_twenty_five_lines(roofs: Path) -> None:
    assert is_shown(roofs)
    assert lines(roofs) <= 25


def test_the_numbers_in_the_text(roofs: Path) -> None:
    changes = " ".join((ROOT / "CHANGELOG.md").read_text("utf-8").split())
    assert f"a pretrained backbone in {lines(SQUEEZENET)} lines" in changes
    assert (
        f"by strip in {lines(POLY1)}, and a dataset of paired files in {lines(roofs)}." in changes
    )
    for file in (SQUEEZENET, POLY1):
        readme = " ".join((file.parents[1] / "README.md").read_text("utf-8").split())
        assert f", {lines(file)} lines." in readme


def test_every_tool_for_authors_is_listed_by_what_it_is_for() -> None:
    part = PAGE[PAGE.index("## Tools by kind") : PAGE.index("## When something is wrong")]
    table = "\n".join(line for line in part.splitlines() if line.startswith("|"))
    named = re.findall(r"`(\w+)`(·?)", table)
    assert {name for name, dot in named if dot} <= {*pluxel.core.__all__}
    protocols = {one.__name__ for kind in CONTRACTS.values() for one in kind.optional}
    assert {name for name, dot in named if not dot} == {*authoring.__all__} - protocols


def test_every_example_is_listed() -> None:
    part = PAGE[PAGE.index("## Examples") :]
    packages = {path.name for path in EXAMPLES.iterdir() if (path / "pyproject.toml").is_file()}
    assert {*re.findall(r"\| \[([\w-]+)\]\(\.\./examples/\1/README\.md\) \|", part)} == packages
