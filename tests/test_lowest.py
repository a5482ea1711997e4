"""The constraints file of the lowest versions agrees with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOWEST = (ROOT / "constraints/lowest.txt").read_text(encoding="utf-8")


TOOLS = {"dev", "docs"}
"""Extras of tools that read the code, and are not tested at their lowest versions."""

TRACKERS = {"mlflow", "tensorboard", "trackio", "wandb"}
"""Extras that are tested at their newest versions, in an environment of their own."""


def release(version: str) -> str:
    """Return a version without trailing zeros: 2.6.0 becomes 2.6."""
    return re.sub(r"(\.0)+$", "", version)


def test_each_lower_bound_is_the_tested_version() -> None:
    extras = PROJECT["optional-dependencies"]
    groups = [
        PROJECT["dependencies"],
        *(extras[name] for name in extras if name not in TOOLS | TRACKERS),
    ]
    bounds = dict(requirement.split(">=") for group in groups for requirement in group)
    pins = dict(line.split("==") for line in LOWEST.splitlines() if line and line[0] != "#")
    assert {name: release(version) for name, version in pins.items()} == {
        name: release(version) for name, version in bounds.items()
    }


def test_no_dependency_has_an_upper_bound() -> None:
    dependencies = PROJECT["dependencies"]
    assert [name for name in dependencies if re.search(r"[<,~]|==", name)] == []


def test_the_oldest_python_agrees_with_the_constraints() -> None:
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {oldest}" in LOWEST
    assert f"Programming Language :: Python :: {oldest}" in PROJECT["classifiers"]
