"""The page about losses says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pluxel.registry import Host

PAGE = (Path(__file__).parents[3] / "docs" / "losses.md").read_text(encoding="utf-8")
SECTIONS = [yaml.safe_load(block)["loss"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]


def test_every_loss_has_an_example(host: Host) -> None:
    names = [component.name for component in host.components("loss")]
    assert sorted(section["type"] for section in SECTIONS) == names
    assert all(f"| `{name}` |" in PAGE for name in names)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["type"])
def test_yaml_is_accepted(build, section) -> None:
    build(section)


def test_python_runs() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "docs/losses.md", "exec"), {})
