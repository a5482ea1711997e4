"""``pluxel compare``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pluxel.core.cli._main import cli
from pluxel.core.cli._session import Session

from ..engine.comparison.conftest import counts, evaluated, head

__all__ = ["evaluated"]


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)], obj=Session())


@pytest.fixture
def runs(evaluated) -> list[Path]:
    return [evaluated(name, head(counts(40, skill))) for name, skill in (("a", 0.7), ("b", 0.8))]


def test_text_and_json(runs: list[Path]) -> None:
    shown = compare(*runs)
    assert shown.exit_code == 0
    assert shown.stdout.startswith(
        f"A  {runs[0]}, step 10\nB  {runs[1]}, step 10\n40 images of val"
    )
    found = json.loads(compare(*runs, "--json", "--samples", 200, "--seed", 4).stdout)
    assert (found["samples"], found["seed"], found["images"]) == (200, 4, 40)
    mean = found["comparisons"][0]["heads"]["semantic"]["overall"]["mean_iou"]
    low, high = mean["interval"]
    assert low < mean["difference"] < high
    again = json.loads(compare(*runs, "--json", "--samples", 200, "--seed", 4).stdout)
    assert again == found


def test_one_run_is_a_usage_error(runs: list[Path]) -> None:
    shown = compare(runs[0])
    assert shown.exit_code == 2
    assert "Give two runs or more." in shown.stderr


def test_another_split_and_a_common_part(evaluated, runs: list[Path]) -> None:
    other = evaluated("c", head(counts(30)), split="test")
    refused = compare(runs[0], other, "--split", "test")
    assert str(refused.exception) == (
        f"{runs[0]} has no results on 'test' yet: pluxel evaluate {runs[0]} --split test"
    )
    fewer = evaluated("d", head(counts(30)))
    assert "--common compares what they have in common" in str(compare(runs[0], fewer).exception)
    shown = compare(runs[0], fewer, "--common")
    assert "30 images of val" in shown.stdout
    assert "note: the images differ: only " in shown.stdout
