"""Every option of every built-in loss passes the conformance kit, and keeps two more guarantees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pluxel.core.authoring.losses import SegmentationLoss
from pluxel.core.conformance import Subject, checks_of
from pluxel.core.contracts.targets import TargetError
from pluxel.registry import Host
from torch import Tensor

pytestmark = pytest.mark.slow

SECTIONS: dict[str, list[dict[str, Any]]] = {
    "cross_entropy": [
        {},
        {"reduction": "sum"},
        {"class_weights": "auto", "label_smoothing": 0.1},
        {"class_weights": {"class1": 0.0}},
    ],
    "focal": [{}, {"gamma": 0.5, "class_weights": "median_frequency"}, {"reduction": "sum"}],
    "dice": [{}, {"smooth": 0.0}, {"smooth": 0.0, "classes": "all"}],
    "jaccard": [{}, {"smooth": 0.0}, {"smooth": 0.0, "classes": "all"}],
    "lovasz": [{}, {"per_image": True}, {"classes": "all"}],
    "tversky": [{}, {"smooth": 0.0, "alpha": 0.5, "beta": 0.5}, {"classes": "all"}],
    "focal_tversky": [{}, {"gamma": 2.0, "smooth": 0.0}],
    "mcc": [{}, {"smooth": 0.0}, {"classes": "all"}],
    "ohem": [{}, {"threshold": None, "min_kept": 0.25}, {"threshold": 0.9}],
    "cldice": [{}, {"iterations": 1, "smooth": 0.0}, {"classes": "all"}],
    "semantic": [
        {"embedding": "class_words"},
        {"embedding": ["class_words", "class_words"], "class_weights": "auto"},
        {"embedding": "class_words", "reduction": "sum", "smoothing": 0.0},
    ],
    "weighted_sum": [
        {
            "terms": [
                {"loss": "dice", "weight": 0.5},
                {"loss": {"type": "weighted_sum", "terms": [{"loss": "lovasz"}]}},
                {"loss": {"type": "cross_entropy", "class_weights": "effective_number"}},
            ]
        }
    ],
}
CASES = [
    pytest.param({"type": name, **section}, id=f"{name}-{number}")
    for name, sections in SECTIONS.items()
    for number, section in enumerate(sections)
]
OF_LOSSES = checks_of("loss").keys() - checks_of("dataset").keys()


def test_every_registered_loss_is_covered(host: Host) -> None:
    assert [component.name for component in host.components("loss")] == sorted(SECTIONS)


@pytest.mark.parametrize("section", CASES)
def test_options(host: Host, section: dict[str, Any], tmp_path: Path) -> None:
    name, *_ = section.values()
    given = {key: value for key, value in section.items() if key != "type"}
    subject = Subject(host, "loss", host.get("loss", name), given, tmp_path)
    checks = {one: check for one, check in checks_of("loss").items() if one in OF_LOSSES}
    problems = {one: check.problem(subject) for one, check in checks.items()}
    assert problems == dict.fromkeys(checks, "")


def example() -> tuple[Tensor, Tensor]:
    """Logits that require a gradient, and a target that lacks the last class."""
    random = torch.Generator().manual_seed(7)
    logits = torch.randn(2, 4, 7, 9, generator=random).mul_(2).requires_grad_()
    target = torch.randint(3, (2, 7, 9), generator=random)
    return logits, target.masked_fill(torch.rand(target.shape, generator=random) < 0.3, 255)


@pytest.mark.parametrize(
    "section", [case for case in CASES if not str(case.id).startswith("cldice")]
)
def test_it_does_not_see_positions(build, section: dict[str, Any]) -> None:
    logits, target = example()
    order = torch.randperm(7 * 9, generator=torch.Generator().manual_seed(1))
    shuffled = logits.flatten(2)[..., order].view_as(logits)
    loss = build(section)
    torch.testing.assert_close(
        loss(shuffled, target.flatten(1)[..., order].view_as(target)), loss(logits, target)
    )


@pytest.mark.parametrize("section", CASES)
def test_it_refuses_what_does_not_fit(build, section: dict[str, Any]) -> None:
    loss = build(section)
    logits, target = example()
    stray = target.clone()
    stray[0, 0, :2] = torch.tensor([4, 77])
    for wrong_logits, wrong_target, text in (
        (logits, target.to(torch.uint8), "target must be int64, not torch.uint8"),
        (logits[:, :3], target, "logits must be (N, 4, H, W), not (2, 3, 7, 9)"),
        (logits[0], target, "logits must be (N, 4, H, W), not (4, 7, 9)"),
        (logits, target[:, 1:], "target (2, 6, 9) does not match logits (2, 4, 7, 9)"),
        (logits, target[:, None], "target (2, 1, 7, 9) does not match logits (2, 4, 7, 9)"),
        (logits, stray, "labels 4, 77 are neither a class (0–3) nor the ignore index 255"),
    ):
        with pytest.raises(TargetError, match=re.escape(text)):
            loss(wrong_logits, wrong_target)


def test_autocast_does_not_reach_the_computation() -> None:
    class Correlation(SegmentationLoss):
        def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
            rows = logits.flatten(2)
            return (rows @ rows.mT).sum()  # autocast would compute this in half precision

    logits, target = example()
    with torch.autocast("cpu", torch.bfloat16):
        assert Correlation(4, 255)(logits, target).dtype == torch.float32
