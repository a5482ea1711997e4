"""The page about metrics covers all of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pluxel.registry import Host

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_has_a_row_and_an_example(host: Host) -> None:
    names = [component.name for component in host.components("metric")]
    assert all(f"| `{name}` |" in PAGE for name in names)
    (block,) = re.findall(r"```yaml\n(evaluation:\n  metrics:\n.*?)```", PAGE, re.DOTALL)
    listed = yaml.safe_load(block)["evaluation"]["metrics"]
    assert sorted(one if isinstance(one, str) else one["type"] for one in listed) == names
