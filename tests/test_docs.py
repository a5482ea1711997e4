"""Every snippet in the documentation runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(language: str) -> list[object]:
    return [
        pytest.param(match[2], id=f"{page.name}-{number}")
        for page in PAGES
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1)
        if match[1] == language
    ]


def pages(language: str) -> list[object]:
    """The python snippets of a page are one program: later ones use what earlier ones made."""
    return [
        pytest.param(
            "\n".join(m[2] for m in FENCE.finditer(page.read_text()) if m[1] == language),
            id=page.name,
        )
        for page in PAGES
        if any(m[1] == language for m in FENCE.finditer(page.read_text()))
    ]


@pytest.mark.parametrize("program", pages("python"))
def test_python_snippets_run(program, tmp_path):
    done = subprocess.run(
        [sys.executable, "-"],
        input=program,
        text=True,
        capture_output=True,
        cwd=tmp_path,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
