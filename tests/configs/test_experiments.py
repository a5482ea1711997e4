"""The switches of docs/experiments.md do what the page says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pluxel.core import load_config
from pluxel.core.data.augmentation import Augmentation
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.training.optimizer import build_optimizer
from pluxel.registry import Host

from ..test_docs import blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"
BLOCKS = [block.text for block in blocks_of(PAGE) if block.language == "yaml"]


def block_with(text: str) -> str:
    (found,) = [block for block in BLOCKS if text in block]
    return found


@pytest.fixture
def trained(tmp_path: Path):
    """Return the names of the trained parameters of a block's configuration."""

    def trained(text: str) -> set[str]:
        (tmp_path / "own.yaml").write_text(text)
        prepared = prepare(load_config(tmp_path / "own.yaml", (), host=Host()))
        options = prepared.config.pipeline.training
        optimizer = build_optimizer(prepared.model, options.optimizer, options.groups)
        kept = {id(p) for group in optimizer.param_groups for p in group["params"]}
        named = dict(prepared.model.named_parameters())
        assert all(p.requires_grad == (id(p) in kept) for p in named.values())
        return {name for name, p in named.items() if p.requires_grad}

    return trained


SCORE = {f"heads.semantic.decoders.image.score.{part}" for part in ("weight", "bias")}
FC = {
    f"streams.image.backbone.classifier.{layer}.{part}"
    for layer in ("fc6", "fc7")
    for part in ("weight", "bias")
}


@pytest.mark.slow
def test_fine_tuning_trains_the_named_layers_only(trained) -> None:
    assert trained(block_with("^heads")) == SCORE
    assert trained(block_with("backbone.features")) == SCORE | FC


def test_jitter_moves_images_and_labels_together() -> None:
    """By −32 to 32 whole pixels on each axis; what comes in from outside is ignored."""
    (jitter,) = (
        one
        for one in yaml.safe_load(block_with("translate_px"))["augment"]["train"]
        if "Affine" in one
    )
    fill = [124, 116, 104]
    augmentation = Augmentation([jitter], ignore_index={"semantic": 255}, fill=fill)
    rows, columns = np.mgrid[:80, :100]
    image = np.stack([rows, columns, np.full_like(rows, 7)], 2).astype(np.uint8)
    labels = ((3 * rows + columns) % 21).astype(np.uint8)
    shifts = []
    for n in range(150):
        images, targets = augmentation(n, {"image": image}, {"semantic": labels})
        moved, target = images["image"], targets["semantic"]
        inside = moved[..., 2] == 7
        y, x = np.nonzero(inside)
        offsets = np.stack([y, x], 1) - moved[inside][:, :2]
        assert (offsets == offsets[0]).all()
        assert (target[inside] == labels[y - offsets[0, 0], x - offsets[0, 1]]).all()
        assert (target[~inside] == 255).all()
        assert (moved[~inside] == fill).all()
        assert inside.sum() == (80 - abs(offsets[0, 0])) * (100 - abs(offsets[0, 1]))
        shifts.append(offsets[0])
    low, high = np.min(shifts, 0), np.max(shifts, 0)
    assert (low >= -32).all()
    assert (low <= -30).all()
    assert (high <= 32).all()
    assert (high >= 30).all()
    assert abs(np.corrcoef(np.transpose(shifts))[0, 1]) < 0.25  # the axes are independent


def shortest(number: float) -> str:
    """Return a number with two digits as the page writes it, such as 1.9e-5."""
    return f"{number:.1e}".replace("e-0", "e-")


def test_the_numbers_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "0.9^(1/20) = 0.9947" in text
    assert round(0.9 ** (1 / 20), 4) == 0.9947
    pixels = 500 * 375
    assert f"375 × 500 = {pixels:,} pixels" in text
    assert f"1e-10 · {pixels:,} = {shortest(1e-10 * pixels)}" in text
    assert f"{shortest(1e-10 * pixels)} / 0.01 = {shortest(1e-10 * pixels / 0.01)}" in text
    assert f"5e-4 / {pixels:,} = {shortest(5e-4 / pixels)}" in text
    # With v ← μ v + r w d and w ← w − v, a weight shrinks by r d / (1 − μ) in each step.
    shrinks = 100_000 * 1e-10 * 5e-4 / (1 - 0.99)
    assert f"shrink a weight by\n  {shrinks:.0e}".replace("e-07", "·10⁻⁷") in text


def test_pixels_of_an_image_are_the_ratio_of_a_sum_and_a_mean() -> None:
    host = Host()
    loss = host.load(host.get("loss", "cross_entropy"))
    logits = torch.randn(1, 3, 5, 7, requires_grad=True)
    target = torch.randint(3, (1, 5, 7))
    gradients = []
    for reduction in ("sum", "mean"):
        made = loss(3, 255, ["a", "b", "c"], lambda: [1, 1, 1], reduction=reduction)
        gradients += torch.autograd.grad(made(logits, target), logits)
    torch.testing.assert_close(gradients[0], 35 * gradients[1])
