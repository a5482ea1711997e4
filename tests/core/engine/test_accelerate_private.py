"""A script uses accelerate before, during and after a training in the same process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from pluxel.core.engine import accelerate_private
from pluxel.core.engine.distributed import Processes
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.train import Trainer
from pluxel.core.model.objective import Objective
from torch import nn


@pytest.fixture(autouse=True)
def fresh():
    """Reset accelerate to its state in a new process."""

    def reset() -> None:
        for one in (AcceleratorState, GradientState, PartialState):
            one._reset_state()

    reset()
    yield
    reset()


def use(accelerator: Accelerator) -> tuple[Any, ...]:
    """Take a step, and return all properties that a script can read from its accelerator."""
    layer = nn.Linear(2, 2)
    model, optimizer = accelerator.prepare(layer, torch.optim.SGD(layer.parameters(), 0.1))
    with accelerator.autocast():
        scores = model(torch.ones(1, 2))
    accelerator.backward(scores.float().sum())
    optimizer.step()
    computed = torch.float32 if accelerator.mixed_precision == "no" else torch.bfloat16
    with accelerator.autocast():
        assert (torch.ones(1, 2) @ torch.ones(2, 2)).dtype == computed
    assert accelerator.gather(torch.ones(1)).tolist() == [1.0]
    state = AcceleratorState()
    return accelerator.mixed_precision, accelerator.device, state.mixed_precision, {**vars(state)}


def test_training_leaves_an_existing_accelerator_unchanged(make, host) -> None:
    own = Accelerator(cpu=True, mixed_precision="bf16")
    before = use(own)
    trainer = Trainer(make("training.steps=1"))
    loss, during = trainer.current.experiment.objective.losses["semantic"], []

    def using(*arguments: Any) -> Any:
        with torch.enable_grad(), torch.inference_mode(False):
            during.append(use(own))
        return loss(*arguments)

    trainer.current.experiment.objective = Objective({"semantic": using}, {"semantic": 1})
    trainer.train()
    evaluate_run(open_trained(trainer.run.directory, host=host), "val")
    assert during
    assert [*during, use(own)] == [before] * (len(during) + 1)
    assert trainer.current.processes.mixed_precision == "no"


def test_accelerator_created_after_training_may_differ(make) -> None:
    trainer = Trainer(make("training.steps=1", "training.precision=fp32"))
    trainer.train()
    assert PartialState._shared_state == {}  # as in a new process
    assert use(Accelerator(cpu=True, mixed_precision="bf16"))[0] == "bf16"


def test_alternating_trainings_keep_their_precisions(make) -> None:
    one = make("training.precision=bf16", "training.steps=1", name="one")
    other = make("training.precision=fp32", "training.steps=1", name="other")
    for experiment, computed in ((one, torch.bfloat16), (other, torch.float32)):
        with experiment.processes.autocast():
            assert (torch.ones(1, 2) @ torch.ones(2, 2)).dtype == computed
        Trainer(experiment).train()
    assert [e.processes.mixed_precision for e in (one, other)] == ["bf16", "no"]


def test_accelerate_uses_the_state_of_the_training(make) -> None:
    """The optimizer wrapper reads the current state when it is created."""
    own = Accelerator(cpu=True, mixed_precision="bf16")
    trainer = Trainer(make())
    assert trainer.current.state.optimizer.accelerator_state.mixed_precision == "no"
    assert use(own)[0] == "bf16"


def test_accelerate_with_other_state_storage_works(monkeypatch) -> None:
    monkeypatch.setattr(accelerate_private, "_ATTRIBUTE", "_elsewhere")
    processes = Processes("cpu")
    assert processes.gather(torch.ones(2)).tolist() == [1.0, 1.0]
    assert AcceleratorState().mixed_precision == "no"
    with pytest.raises(ValueError, match="already been initialized"):
        Processes("cpu", "bf16")
