"""Any file either loads or raises problems with locations, and no other exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pluxel.core import load_config
from pluxel.core.config._config import Config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host

SEED = """\
backbone: {type: vgg, pretrained: false}
decoder: &d
  type: fcn8s
  dropout: 0.1
loss: {type: sum, terms: [dice, {loss: {type: typed, pair: [1, 2]}, weight: 2}]}
dataset: shapes
labels: {map: {0: road, 7: ignore}, palette: {road: [1, 2, 3]}}
splits: {train: a, val: b}
init_from: ${env:HOME}/x
training:
  steps: ${seed}
  optimizer: {type: sgd, lr: 1e-4}
  groups:
    - {match: x, frozen: true}
  schedule: poly
  early_stop: {patience: 3}
seed: 7
"""
PIECES = (
    *("null", "~", "{}", "[]", "[1]", "{a: 1}", "1e400", "-1", "0x" + "f" * 2000, "9" * 5000),
    *(".inf", ".nan", "true", "no", "''", '"', "'", "[", "{", "}", "]", ": ", "- ", "\t", "#"),
    *("*d", "&d ", "<<: *d\n", "${", "}", "${seed}", "${training}", "$${", "${env:NOPE}", "|\n"),
    *('"\\ud800"', '"\\x00"', "\x00", "\ufeff", "\u2028", "\U0001f600", "é", "? ", "---\n"),
    *("type: ", "type: fcn16s", "dice", "base: x.yaml\n", "heads: {}\n", "...\n", ">", "!x "),
)


@st.composite
def mutants(draw: st.DrawFn) -> str:
    text = SEED
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[end:]
    return text


def attempt(path: Path, host: Host, *overrides: str) -> Config | None:
    """Load a configuration, or check the errors."""
    try:
        return load_config(path, overrides, host=host)
    except ConfigError as caught:
        error = caught
    for problem in error.problems:
        assert problem.location
        assert "\n" not in problem.message
    return None


in_one_folder = [HealthCheck.function_scoped_fixture]


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=in_one_folder)
@given(text=mutants())
@example(text=SEED)
@example(text=SEED.replace("7\n", "0x" + "f" * 2000))
@example(text=SEED.replace("poly", '"\\ud83d\\ude00"'))
def test_mutants(text: str, host: Host, tmp_path: Path) -> None:
    path, again = tmp_path / "x.yaml", tmp_path / "y.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    if config := attempt(path, host):
        again.write_text(config.dump(), encoding="utf-8")
        assert load_config(again, host=host).dump() == config.dump()


@settings(max_examples=200, suppress_health_check=in_one_folder)
@given(content=st.binary(max_size=60), cut=st.integers(0, len(SEED)))
def test_bytes(content: bytes, cut: int, host: Host, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(SEED[:cut].encode() + content + SEED[cut:].encode())
    attempt(path, host)


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=in_one_folder)
@given(override=st.text("abs.=[]{}\"' ${}0:-&*!\u00e9", max_size=20).map("training.{}".format))
def test_overrides(override: str, host: Host, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SEED, encoding="utf-8")
    attempt(path, host, override, "seed=3")
