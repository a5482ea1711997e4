"""Short trainings on small generated images, with components of a plugin file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pluxel.core import load_config
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host

TOY = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset: {type: squares}
device: cpu
training:
  steps: 6
  batch_size: 4
  precision: fp32
  log_every: 2
  eval_every: 3
  pictures: 0
  optimizer: {type: adamw, lr: 1e-2}
"""

Train = Callable[..., Run]


@pytest.fixture(scope="session")
def host() -> Host:
    host = Host(files=[Path(__file__).with_name("toys.py")])
    assert not host.failures
    return host


@pytest.fixture(autouse=True)
def one_thread():
    """Bitwise equality holds for one thread only, since float sums depend on the thread count."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make(tmp_path: Path, host: Host) -> Callable[..., Experiment]:
    """Return an experiment of the toy configuration with overrides, in ``tmp_path / name``."""

    def make(*overrides: str, name: str = "run", text: str = TOY) -> Experiment:
        path = tmp_path / "toy.yaml"
        path.write_text(text)
        config = load_config(path, overrides, host=host)
        return Experiment(prepare(config), Run(tmp_path / name))

    return make


@pytest.fixture
def train(make: Callable[..., Experiment]) -> Train:
    def train(*overrides: str, resume: bool = False, **options: str) -> Run:
        experiment = make(*overrides, **options)
        Trainer(experiment, resume=resume).train()
        return experiment.run

    return train


@pytest.fixture
def rgbd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two samples, a and b, with color, depth and HHA, and work in their folder."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        for folder, array in {
            "photos": random.integers(0, 255, (40, 48, 3)).astype(np.uint8),
            "masks": random.integers(0, 2, (40, 48)).astype(np.uint8),
            "depth": random.integers(900, 4000, (40, 48)).astype(np.uint16),
            "hha": random.integers(0, 255, (40, 48, 3)).astype(np.uint8),
        }.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / folder / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path
