"""Every built-in component passes the conformance kit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.core.conformance import Subject, checks_of, subjects_of
from pluxel.registry import Host

from ...plugins.datasets.conftest import PARAMETERS as DATASETS
from ...plugins.embeddings.test_every_embedding import FILES as EMBEDDINGS

pytestmark = pytest.mark.slow

WORDS = Path(__file__).parents[2] / "plugins" / "words.py"
HOST = Host(allow=["pluxel"], files=[WORDS])

TRUNK = {"fc": False}  # without the 400 MB of the classifier
EMBEDDING = {"embedding": "class_words"}
PARAMETERS: dict[str, Any] = {
    "backbone/alexnet": TRUNK,
    "backbone/caffenet": TRUNK,
    "backbone/timm": {"model": "test_resnet"},
    "backbone/vit_pyramid": {"model": "test_vit", "channels": 8},
    "backbone/vgg11": TRUNK,
    "backbone/vgg11_bn": TRUNK,
    "decoder/atrous": {"decoder": "fcn32s"},
    "decoder/shift_and_stitch": {"decoder": "fcn32s"},
    "decoder/semantic_projection": {"decoder": "fcn32s", "dim": 4, **EMBEDDING},
    "decoder/deeplabv3": {"channels": 8},
    "decoder/deeplabv3plus": {"channels": 8},
    "decoder/dpt": {"intermediate_channels": [4, 8, 8, 8], "fusion_channels": 8},
    "decoder/fpn": {"pyramid_channels": 8, "segmentation_channels": 8},
    "decoder/pspnet": {"out_channels": 8},
    "decoder/segformer": {"segmentation_channels": 8},
    "decoder/unet": {"channels": [16, 12, 8, 8, 4]},
    "decoder/unetplusplus": {"channels": [16, 12, 8, 8, 4]},
    "decoder/upernet": {"channels": 8},
    "loss/semantic": EMBEDDING,
    "loss/weighted_sum": {"terms": [{"loss": "dice", "weight": 0.5}, {"loss": "cross_entropy"}]},
    **{f"dataset/{name}": written for name, written in DATASETS.items()},
    **{
        f"embedding/{name}": lambda folder, write=write: write(
            folder, np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
        )
        for name, write in EMBEDDINGS.items()
    },
}
VARIANTS = {"backbone/timm": [{"model": "test_vit"}, {"model": "test_convnext"}]}
"""More parameters of some components."""

WHOLE_IMAGE = {"deeplabv3", "deeplabv3plus", "fpn", "pspnet", "upernet"}
"""Decoders that pool over the image, or normalize over it: moving it changes all scores."""
EXPECTED = {f"decoder/{name}": {"moves_with_the_image"} for name in WHOLE_IMAGE}
"""Checks that a component fails by design."""

LIKE_OTHERS = {"vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"}
"""Networks that differ from vgg11 or vgg11_bn only in the number of layers."""

ELSEWHERE = {f"tracker/{name}" for name in ("mlflow", "tensorboard", "trackio", "wandb")}
"""Trackers of other packages, which tests/plugins/trackers/test_packages.py checks."""

SUBJECTS = [
    one
    for one in subjects_of("pluxel", HOST, parameters=PARAMETERS)
    if one.component.name not in LIKE_OTHERS and str(one) not in ELSEWHERE
]
SUBJECTS += [
    Subject(HOST, one.kind, one.component, given)
    for one in SUBJECTS
    for given in VARIANTS.get(str(one), [])
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_passes_every_check(subject: Subject, tmp_path: Path) -> None:
    problems = {
        name: problem
        for name, check in checks_of(subject.kind).items()
        if (problem := check.problem(subject.within(tmp_path)))
    }
    assert set(problems) == EXPECTED.get(str(subject), set()), problems
