"""docs/contracts.md matches the table in the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "docs" / "contracts.py"


def test_the_page_is_generated_from_the_table() -> None:
    spec = importlib.util.spec_from_file_location("contracts_page", SCRIPT)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = script.PAGE.read_text(encoding="utf-8")
    assert "`load_pretrained()` | `LoadsPretrained`" in page
    assert page == script.page(), "run docs/contracts.py"
