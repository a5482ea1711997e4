"""The page about losses covers all of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pluxel.registry import Host

PAGE = (Path(__file__).parents[3] / "docs" / "losses.md").read_text(encoding="utf-8")
SECTIONS = [yaml.safe_load(block)["loss"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]


def test_every_loss_has_an_example(host: Host) -> None:
    names = [component.name for component in host.components("loss")]
    assert sorted(section["type"] for section in SECTIONS) == names
    assert all(f"| `{name}` |" in PAGE for name in names)
