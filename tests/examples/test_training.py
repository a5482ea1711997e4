"""A stranger's decoder, installed by pip, trains, evaluates and predicts like a built-in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from .conftest import pluxel

pytestmark = pytest.mark.slow

CONFIG = """\
base: shapes_fcn8s_resnet18
backbone: {type: timm, model: test_resnet}
decoder: {type: slim_unet, width: 8}
dataset: {length: 4}
device: cpu
training: {steps: 3, batch_size: 2, ema: null}
"""


def test_its_learned_weights_train_and_predict(
    installed_example: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(CONFIG)
    Image.fromarray(np.zeros((31, 47, 3), np.uint8)).save(tmp_path / "photo.png")
    for arguments in (
        ["train", "mine.yaml"],
        ["evaluate", "runs/mine"],
        ["predict", "runs/mine", "photo.png", "--output", "masks"],
    ):
        done = pluxel(installed_example, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    assert "type: acme-seg/slim_unet" in (tmp_path / "runs/mine/config.yaml").read_text()
    with safe_open(tmp_path / "runs/mine/weights.safetensors", "pt") as weights:
        score = weights.get_tensor("heads.semantic.decoders.image.score.weight")
    assert score.shape == (6, 8, 1, 1)
    assert np.array(Image.open(tmp_path / "masks/index/photo.png")).shape == (31, 47)
