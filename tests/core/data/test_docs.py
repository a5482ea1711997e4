"""The page on data tells the truth: its examples load and run."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pluxel.core.config import load_config
from pluxel.core.data import EvaluationData
from pluxel.core.labels import LabelSpace
from pluxel.plugins.datasets.camvid import LABELS
from pluxel.registry import Host

PAGE = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
BASE = {
    "backbone": {"type": "timm", "model": "resnet18"},
    "decoder": {"type": "fcn8s"},
    "loss": {"type": "cross_entropy"},
    "dataset": {"type": "shapes"},
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml(block, host, tmp_path):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "page.yaml").write_text(f"base: base.yaml\n{block}")
    config = load_config(tmp_path / "page.yaml", host=host)
    if config.pipeline.dataset.component.name == "camvid":
        labels = config.pipeline.heads["semantic"].labels
        space = LabelSpace.merged(LABELS, labels)
        assert space.num_classes in (8, 11)


def test_python(tmp_path):
    (block,) = blocks("python")
    names: dict = {}
    exec(block, names)
    (tmp_path / "train").mkdir()
    for i in range(2):
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "train" / f"{i}.jpg")
        Image.fromarray(np.eye(4, 5, dtype=np.uint8)).save(tmp_path / "train" / f"{i}.png")
    dataset = names["Roofs"]("train", root=tmp_path)
    data = EvaluationData(dataset, {"semantic": LabelSpace(dataset.labels["semantic"])})
    assert [data[i].targets["semantic"].sum() for i in range(len(data))] == [4, 4]
