"""Whole forward passes keep every tensor on its device, tested without a CUDA device.

Under ``FakeTensorMode``, operations compute only shapes and devices, and reject mixed devices.
"""

from __future__ import annotations

import pytest
import torch
from pluxel.core import load_config
from pluxel.core.common.devices import find_device
from pluxel.core.contracts.labels import LabelMap
from pluxel.core.engine.evaluation.metrics import ConfusionMatrix
from pluxel.core.model.blueprint import Blueprint
from pluxel.core.model.build import build_model, build_objective
from pluxel.core.model.strips import resampled_classes
from pluxel.registry import Host, PluxelError
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

LABELS = LabelMap({0: "a", 1: "b", 2: "c", 255: "ignore"})
BLUEPRINT = Blueprint({"image": 3}, {"semantic": LABELS}, {"semantic": "semantic"})


def test_devices_are_found_by_name() -> None:
    assert find_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "gpu", ""):
        with pytest.raises(PluxelError, match=f"device '{name}' is not available on this machine"):
            find_device(name)


@pytest.fixture(scope="module")
def host():
    return Host()


@pytest.fixture
def assembled(host, request, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(f"{{{request.param}, dataset: shapes}}")
    config = load_config(path, host=host)
    model = build_model(config, BLUEPRINT)
    return model, build_objective(config, model, BLUEPRINT.label_spaces(), lambda head: [5, 3, 1])


PIPELINES = [
    "backbone: {type: timm, model: resnet18}, decoder: {type: fcn8s, upsampling: learned}, "
    "loss: {type: cross_entropy, class_weights: auto}",
    "backbone: {type: vgg11, fc: false}, decoder: fcn16s, loss: focal",
    "backbone: alexnet, decoder: fcn32s, loss: dice",
    "backbone: googlenet, decoder: fcn8s, loss: lovasz",
    "backbone: {type: timm, model: tf_efficientnet_b0}, decoder: fcn8s, loss: jaccard",
]


def move(module: nn.Module, device: torch.device) -> None:
    """Replace a module's tensors by fake ones; ``module.to`` cannot make fake tensors."""
    for part in module.modules():
        for name, tensor in part._parameters.items():
            if tensor is not None:
                part._parameters[name] = nn.Parameter(torch.empty(tensor.shape, device=device))
        for name, tensor in part._buffers.items():
            if tensor is not None:
                part._buffers[name] = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)


def step(model, objective, device):
    images = torch.zeros(2, 3, 97, 131, dtype=torch.uint8, device=device)
    target = torch.zeros(2, 97, 131, dtype=torch.int64, device=device)
    scores = model({"image": images}, [(97, 131), (80, 90)])
    loss = objective(scores, {"semantic": target})
    matrix = ConfusionMatrix(3, 255, device)
    matrix.update(resampled_classes(scores["semantic"], (97, 131)), target)
    return loss, matrix


@pytest.mark.parametrize("assembled", PIPELINES, indirect=True)
def test_forward_pass_loss_and_metrics_stay_on_the_device(assembled, fake_gpu):
    model, objective = assembled
    with FakeTensorMode(), torch.no_grad():  # a backward pass needs a CUDA driver
        device = torch.device(fake_gpu, 0)
        move(model, device)
        for part in objective.losses.values():
            move(part, device)
        loss, matrix = step(model, objective, device)
        assert loss.device.type == matrix.counts.device.type == device.type


def test_fake_tensors_reject_mixed_devices():
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device="cuda") + torch.zeros(2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("assembled", PIPELINES, indirect=True)
def test_a_training_step_runs_on_a_real_device(assembled):
    model, objective = assembled
    for part in (model, *objective.losses.values()):
        part.to("cuda")
    loss, matrix = step(model, objective, torch.device("cuda"))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert matrix.counts.sum() == 2 * 97 * 131
