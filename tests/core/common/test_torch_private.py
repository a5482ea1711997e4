"""Pluxel works with PyTorch releases that lack the private names it uses."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from pluxel.core.common import torch_private
from pluxel.registry import PluxelError
from torch import nn
from torch._subclasses import fake_tensor


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["TorchDispatchMode", "_schema"])
def test_without_a_dispatch_mode_geometry_is_probed(missing) -> None:
    script = """
import sys
import torch, torch.utils.flop_counter
from torch.utils import _python_dispatch
if sys.argv[1] == "_schema":
    class Bare:
        Tensor = object()
    torch.ops.aten.add = Bare
else:
    del _python_dispatch.TorchDispatchMode
from torch import nn
from pluxel.core.geometry.tracing import measure
network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2))
(spec,) = measure(network, 3).specs
print(spec.source, *spec.grid.stride, *spec.grid.offset, *spec.receptive_field)
"""
    command = [sys.executable, "-c", script, missing]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["probed", "4", "4", "1", "1", "5.0", "5.0"], done.stderr


def test_with_a_dispatch_mode_geometry_is_computed() -> None:
    assert torch_private.DispatchMode is not torch_private.UnseenOperations


class Subclass(torch.Tensor):
    """A tensor subclass of another library."""


def test_fake_tensors_are_recognized(monkeypatch) -> None:
    with fake_tensor.FakeTensorMode():
        fake = torch.zeros(2)
    real = torch.zeros(2)
    assert torch_private.is_fake(fake)
    assert not torch_private.is_fake(real)
    assert not torch_private.is_fake(real.as_subclass(Subclass))
    monkeypatch.delattr(fake_tensor, "FakeTensor")
    assert torch_private.is_fake(fake)
    assert torch_private.is_fake(real.as_subclass(Subclass))
    assert not torch_private.is_fake(real)
    assert not torch_private.is_fake(nn.Parameter(real))


def test_without_an_assertion_the_host_waits(monkeypatch) -> None:
    error = PluxelError("wrong")
    with pytest.raises(RuntimeError, match="wrong"):
        torch_private.assert_on_device(torch.tensor(False), error)
    monkeypatch.delattr(torch, "_assert_async")
    torch_private.assert_on_device(torch.tensor(True), error)
    with pytest.raises(PluxelError) as caught:
        torch_private.assert_on_device(torch.tensor(False), error)
    assert caught.value is error


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        (SimpleNamespace(get_capabilities=lambda: {"avx512_bf16": True}), True),
        (SimpleNamespace(get_capabilities=lambda: {"neon": True}), False),
        (SimpleNamespace(_is_avx512_bf16_supported=lambda: True), True),
        (SimpleNamespace(_is_avx512_bf16_supported=lambda: False), False),
        (SimpleNamespace(), False),
    ],
)
def test_bfloat16_support_is_read_from_whatever_torch_offers(monkeypatch, cpu, expected) -> None:
    monkeypatch.setattr(torch, "cpu", cpu)
    assert torch_private.has_bfloat16_instructions() is expected


def test_the_installed_torch_reports_bfloat16_support() -> None:
    names = ("get_capabilities", "_is_avx512_bf16_supported")
    assert any(hasattr(torch.cpu, name) for name in names)


def test_hooks_are_assumed_if_torch_does_not_report_them() -> None:
    module = nn.ReLU()
    assert not torch_private.has_forward_hooks(module)
    handle = module.register_forward_hook(lambda *_: None)
    assert torch_private.has_forward_hooks(module)
    handle.remove()
    with_input = module.register_forward_pre_hook(lambda *_: None)
    assert torch_private.has_forward_hooks(module)
    with_input.remove()
    del module._forward_hooks
    assert torch_private.has_forward_hooks(module)
