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
from pluxel.registry import PluxelError
from torch import nn


def test_tensors_and_metadata_come_back(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).mT, "b": torch.tensor(1.5, dtype=torch.bfloat16)}
    write_tensors(tmp_path / "x.safetensors", tensors, {"progress": {"step": 3, "best": None}})
    found, metadata = read_tensors(tmp_path / "x.safetensors")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert metadata == {"progress": {"step": 3, "best": None}}


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_an_optimizer_goes_on_as_if_nothing_had_happened(tmp_path, optimizer):
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
    tensors, plain = flatten_optimizer(chosen)
    state = with_prefix("optimizer", tensors) | with_prefix("model", model.state_dict())
    write_tensors(tmp_path / "s.safetensors", state, {"optimizer": plain})
    steps(model, chosen, 3)

    again, other = make()
    read, metadata = read_tensors(tmp_path / "s.safetensors")
    again.load_state_dict(without_prefix("model", read))
    restore_optimizer(other, without_prefix("optimizer", read), metadata["optimizer"])
    steps(again, other, 3)
    assert torch.equal(again.weight, model.weight)


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path):
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


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b'{"a": 1}'])
def test_a_file_that_is_none_of_ours_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(PluxelError, match="cannot read .*x.safetensors"):
        read_tensors(tmp_path / "x.safetensors")


def test_a_truncated_file_is_an_error(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(1000)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PluxelError, match="cannot read"):
        read_tensors(path)
