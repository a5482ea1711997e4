"""Trainings whose loss ignores a random part of the cells."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
import torch
from pluxel.core.engine.training.signals import Interrupted
from pluxel.core.engine.training.train import Trainer
from pluxel.core.geometry.grid import Grid
from pluxel.core.model.network import SegmentationModel

from .test_passes import gradient, parts_of
from .test_train import LIVELY, same, stop_at

HALF = "training.keep_cells=0.5"


def test_keeping_all_cells_changes_nothing(train) -> None:
    plain, all_kept = train(*LIVELY, name="a"), train(*LIVELY, "training.keep_cells=1", name="b")
    assert same(plain.state, all_kept.state)
    assert not same(plain.state, train(*LIVELY, HALF, name="c").state)


def test_a_resumed_training_draws_the_same_cells(train, make) -> None:
    whole = train(*LIVELY, HALF, name="whole")
    with pytest.raises(Interrupted):
        stop_at(make(*LIVELY, HALF, name="parts"), 3)
    assert same(whole.state, train(*LIVELY, HALF, name="parts", resume=True).state)


def test_a_sample_keeps_the_same_cells_in_batches_of_any_size(make) -> None:
    large = Trainer(make(HALF, "training.batch_size=4", name="a"))
    small = Trainer(make(HALF, "training.batch_size=1", "training.accumulate=4", name="b"))
    (one,), several = next(large.current.batches()), next(small.current.batches())
    for i, batch in enumerate(several):
        target = batch.targets["semantic"][0]
        assert torch.equal(one.targets["semantic"][i, : len(target)], target)


def test_heads_drop_whole_cells_of_the_coarsest_map(make) -> None:
    """It has stride 4 and offset 0, so cells cover the pixels −2 to 1, 2 to 5, …"""
    two = (
        "heads={semantic: {decoder: fcn32s, loss: cross_entropy}, "
        "halves: {target: halves, decoder: fcn32s, loss: cross_entropy}}",
        "training.monitor=null",
    )
    whole, part = Trainer(make(*two, name="a")), Trainer(make(*two, HALF, name="b"))
    (before,), (after,) = next(whole.current.batches()), next(part.current.batches())
    dropped = (after.targets["halves"] == 255) & (before.targets["halves"] != 255)
    cells = dropped[:, 2:14, 2:22].unflatten(1, (3, 4)).unflatten(3, (5, 4)).transpose(2, 3)
    assert torch.equal(cells.flatten(3).all(3), cells.flatten(3).any(3))
    assert 0.2 < cells.float().mean() < 0.8
    semantic = before.targets["semantic"].where(~dropped, 255)
    assert torch.equal(after.targets["semantic"], semantic)  # the same cells: the grid is the same


def test_the_coarsest_grid_is_of_the_streams_that_a_head_reads() -> None:
    class Part(torch.nn.Module):
        def __init__(self, **content: object) -> None:
            super().__init__()
            vars(self).update(content)

    model = SegmentationModel.__new__(SegmentationModel)
    fine, coarse = Grid(8), Grid(32, Fraction(31, 2))
    parts = {
        "streams": {"a": Part(grids=[Grid(4), fine]), "b": Part(grids=[coarse, Grid(2)])},
        "heads": {"one": Part(decoders=["a"]), "both": Part(decoders=["a", "b"])},
    }
    vars(model).update(parts)
    assert (model.coarsest_grid("one"), model.coarsest_grid("both")) == (fine, coarse)


def test_the_expected_gradient_of_a_sum_is_a_fraction_of_the_whole(make) -> None:
    still = ("backbone.norm=false", "loss.reduction=sum", "training.batch_size=2")
    trainer = Trainer(make(*still, "dataset.length=2", "training.steps=300", HALF, name="part"))
    whole = Trainer(make(*still, "dataset.length=2", "training.steps=1", name="whole"))
    for one in (trainer, whole):
        with torch.no_grad():
            weight = one.current.state.model.heads["semantic"].decoders["image"].score.weight
            weight.copy_(torch.linspace(-1, 1, weight.numel()).view_as(weight))
    full = gradient(whole, parts_of(whole, 0.0), [None])
    batches = [batches[0].to("cpu") for batches in trainer.current.batches()]
    mean = gradient(trainer, batches, [None] * len(batches))
    assert full.norm() > 10
    assert (mean - 0.5 * full).norm() < 0.05 * full.norm()


def test_a_mean_is_over_the_kept_pixels(make) -> None:
    """Passes that keep more pixels count more, as in a batch of all of them."""
    trainer = Trainer(make(HALF, "training.batch_size=1", "training.accumulate=3"))
    objective = trainer.current.experiment.objective
    for batch in next(trainer.current.batches()):
        on_device = batch.to("cpu")
        kept = int((on_device.targets["semantic"] != 255).sum())
        assert int(objective.normalizers(on_device.targets)["semantic"][0]) == kept
        assert 0 < kept < 20 * 24


@pytest.mark.parametrize("value", ["0", "1.5"])
def test_a_probability_is_checked(make, value) -> None:
    with pytest.raises(Exception, match="keep_cells"):
        make(f"training.keep_cells={value}")


def test_evaluation_counts_all_pixels(train) -> None:
    assert counted(train(HALF)) == counted(train(name="plain")) > 0


def counted(run) -> int:
    return json.loads(run.results_of("val").read_text())["heads"]["semantic"]["pixels"]
