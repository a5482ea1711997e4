import os
import resource
import signal

import pytest
import torch
from pluxel.core.engine.checkpoint import (
    flatten_optimizer,
    read_tensors,
    restore_optimizer,
    with_prefix,
    without_prefix,
    write_tensors,
)
from pluxel.core.model.weight_reading import read_state_dict
from pluxel.registry import PluxelError
from torch import nn


def test_tensors_and_metadata_round_trip(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).mT, "b": torch.tensor(1.5, dtype=torch.bfloat16)}
    write_tensors(tmp_path / "x.safetensors", tensors, {"progress": {"step": 3, "best": None}})
    found, metadata = read_tensors(tmp_path / "x.safetensors")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert metadata == {"progress": {"step": 3, "best": None}}


def test_tied_weights_are_written_once_and_restored_under_all_names(tmp_path):
    weight, both = torch.randn(300, 100), torch.arange(6.0)
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": weight, "b": weight.detach(), "c": both, "half": both[:3]}, {"n": 1})
    assert path.stat().st_size < 1.1 * weight.nbytes
    found, metadata = read_tensors(path)
    assert found["a"] is found["b"]
    assert torch.equal(found["a"], weight)
    assert torch.equal(found["half"], both[:3])
    assert metadata == {"n": 1}
    assert set(read_state_dict(path)) == {"a", "b", "c", "half"}


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_restored_optimizer_continues_exactly(tmp_path, optimizer):
    def make():
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        extra = {"momentum": 0.9} if optimizer == "SGD" else {}
        return model, getattr(torch.optim, optimizer)(model.parameters(), lr=0.1, **extra)

    def steps(model, chosen, count):
        for _ in range(count):
            model(torch.ones(1, 3)).square().sum().backward()
            chosen.step()
            chosen.zero_grad()

    model, chosen = make()
    steps(model, chosen, 3)
    tensors, plain = flatten_optimizer(chosen, model)
    state = with_prefix("optimizer", tensors) | with_prefix("model", model.state_dict())
    write_tensors(tmp_path / "s.safetensors", state, {"optimizer": plain})
    steps(model, chosen, 3)

    again, other = make()
    read, metadata = read_tensors(tmp_path / "s.safetensors")
    again.load_state_dict(without_prefix("model", read))
    restore_optimizer(other, again, without_prefix("optimizer", read), metadata["optimizer"])
    steps(again, other, 3)
    assert torch.equal(again.weight, model.weight)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_file_mode_follows_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(4)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == mode


def test_full_disk_keeps_the_previous_checkpoint(tmp_path):
    path = tmp_path / "state.safetensors"
    write_tensors(path, {"a": torch.ones(4)}, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(PluxelError, match="cannot write .*state.safetensors"):
            write_tensors(path, {"a": torch.ones(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert torch.equal(read_tensors(path)[0]["a"], torch.ones(4))
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.safetensors is an empty file, not a file of weights"),
        (b"\x00" * 100, "x.safetensors: cannot read weights"),
        (b'{"a": 1}', "x.safetensors is a text file that begins with .*, not a file of weights"),
    ],
)
def test_error_names_a_file_in_another_format(tmp_path, content, message):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(PluxelError, match=message):
        read_tensors(tmp_path / "x.safetensors")


def test_truncated_file_raises(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(1000)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PluxelError, match="the file may be truncated"):
        read_tensors(path)
