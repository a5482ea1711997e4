"""``pluxel matrix``, with real processes on the smallest networks of timm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Pluxel

pytestmark = pytest.mark.slow


def test_networks_are_tried_recorded_and_summarized(pluxel: Pluxel, tmp_path: Path) -> None:
    arguments = ("matrix", "--backbones", "timm", "--models", "test_vit", "--output", "m.json")
    decoders = ("--decoders", "fcn32s", "--decoders", "fcn2s")
    done = pluxel(*arguments, *decoders, "--page", "m.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "wrote m.json and m.md\n"
    found = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert found["decoders"] == ["fcn32s", "fcn2s"]
    (vit,) = found["records"]
    assert vit == {
        "backbone": "timm", "model": "test_vit", "family": "vision_transformer",
        "strides": ["16", "16", "16"], "multiple": 16, "own_size": [160, 160],
        "refused": {"fcn2s": "needs 5 maps whose strides double, such as 2, 4, 8, 16, 32"},
        "with_data": True,
    }  # fmt: skip
    page = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "| `fcn32s` | 1 (100.0 %) | 1 (100.0 %) |" in page
    kept = pluxel(*arguments, *decoders, "--page", "m.md")
    assert kept.returncode == 2
    assert kept.stderr == "m.md already exists; --overwrite replaces it\n"
    again = pluxel(*arguments, "--decoders", "fcn2s")
    assert again.returncode == 0
    assert "| `fcn2s` | 0 (0.0 %) | 0 (0.0 %) |" in again.stdout


def test_pyramids_are_tried_beside_the_networks(pluxel: Pluxel, tmp_path: Path) -> None:
    done = pluxel(
        "matrix", "--models", "test_vit", "--decoders", "fcn8s", "--budget", "0",
        "--output", "m.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| decoder | own size | own size, or as `vit_pyramid` | 97×131 |" in done.stdout
    assert "| `fcn8s` | 0 (0.0 %) | 1 (100.0 %) | 0 (0.0 %) |" in done.stdout


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("nosuch*", " It must match whole names, as '*nosuch*' does"),
        ("resnet81", " Did you mean 'resnet18'?"),
    ],
)
def test_a_pattern_that_no_network_matches_is_an_error(
    pluxel: Pluxel, tmp_path: Path, pattern: str, advice: str
) -> None:
    failed = pluxel("matrix", "--models", pattern, "--output", "m.json")
    assert failed.returncode == 2
    assert failed.stderr == f"no network of timm, vit_pyramid matches '{pattern}'.{advice}\n"
    assert failed.stdout == ""
    assert not (tmp_path / "m.json").exists()


def test_an_unknown_backbone_is_an_error(pluxel: Pluxel) -> None:
    failed = pluxel("matrix", "--backbones", "vgg16")
    assert failed.returncode == 2
    assert failed.stderr == (
        "backbone 'vgg16' is a single network; families of networks: timm, vit_pyramid\n"
    )
