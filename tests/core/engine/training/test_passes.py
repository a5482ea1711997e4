"""Forward passes that share an update count each labeled pixel alike."""

from __future__ import annotations

import logging

import pytest
import torch
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.distributed import Processes
from pluxel.core.engine.training.passes import shares_of_passes, untrained
from pluxel.core.engine.training.train import Trainer
from torch import nn

LOSSES = {
    "mean": "cross_entropy",
    "focal": "focal",
    "class weights": "{type: cross_entropy, class_weights: {ground: 0.2, square: 3}}",
    "sum of losses": "{type: weighted_sum, terms: [{loss: cross_entropy, weight: 0.3}, "
    "{loss: focal}]}",
}


def gradient(trainer: Trainer, parts, shares) -> torch.Tensor:
    """Return the gradient of the mean over parts of a batch."""
    trainer.current.state.model.zero_grad()
    for part, share in zip(parts, shares, strict=True):
        loss, _, _ = trainer.current.updater.wrapped(part, share)
        (loss / len(parts)).backward()
    return torch.cat([p.grad.flatten() for p in trainer.current.state.model.parameters()])


def parts_of(trainer: Trainer, *ignored: float) -> list:
    """Return batches of two images; a fraction of the rows of each is ignored."""
    parts = [
        batches[0].to("cpu") for batches, _ in zip(trainer.current.batches(), ignored, strict=False)
    ]
    for part, fraction in zip(parts, ignored, strict=True):
        target = part.targets["semantic"]
        target[:, : int(fraction * target.shape[1])] = 255
    return parts


def whole_of(parts: list):
    whole = parts[0].to("cpu")
    for other in parts[1:]:
        for mine, theirs in ((whole.inputs, other.inputs), (whole.targets, other.targets)):
            mine.update({name: torch.cat([mine[name], theirs[name]]) for name in mine})
        whole.sizes.extend(other.sizes)
    return whole


@pytest.mark.parametrize("ignored", [(0.9, 0.0, 0.5), (1.0, 0.2, 0.0), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_accumulated_gradient_is_that_of_the_whole_batch(make, loss, ignored) -> None:
    crop = "augment.train=[{RandomCrop: {height: 12, width: 12}}]"
    trainer = Trainer(make("backbone.norm=false", "training.batch_size=2", f"loss={loss}", crop))
    parts = parts_of(trainer, *ignored)
    shares = shares_of_passes(trainer.current.experiment.objective, parts, Processes("cpu"))
    found = gradient(trainer, parts, shares)
    whole = gradient(trainer, [whole_of(parts)], [None])
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-7)
    assert ignored[1] == 1 or whole.abs().max() > 1e-3


@pytest.mark.parametrize("loss", ["dice", "{type: cross_entropy, reduction: sum}"])
def test_passes_count_alike_without_a_mean_over_pixels(make, loss) -> None:
    trainer = Trainer(make("training.batch_size=2", f"loss={loss}"))
    parts = parts_of(trainer, 0.9, 0.0)
    shares = shares_of_passes(trainer.current.experiment.objective, parts, Processes("cpu"))
    assert [[float(one) for one in share["semantic"]] for share in shares] == [[1], [1]]


def test_unseen_classes_are_not_counted(make) -> None:
    zero_shot = "decoder={type: semantic_projection, embedding: words, decoder: fcn32s}"
    unseen = "heads.semantic.zero_shot={unseen: [square]}"
    trainer = Trainer(make("training.batch_size=2", zero_shot, unseen))
    parts = parts_of(trainer, 0.0, 0.0)
    for part, raised in zip(parts, (1, 3), strict=True):
        part.targets["semantic"][:] = 1  # the unseen class
        part.targets["semantic"][:, :raised] = 0
    shares = shares_of_passes(trainer.current.experiment.objective, parts, Processes("cpu"))
    assert [float(share["semantic"][0]) for share in shares] == pytest.approx([0.5, 1.5])


def test_untrained_parts_are_named_by_their_largest_module() -> None:
    used, frozen = nn.Linear(2, 1), nn.Linear(2, 2).requires_grad_(False)
    idle, half = (nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)) for _ in range(2))
    model = nn.ModuleDict({"used": used, "idle": idle, "partly": half, "frozen": frozen})
    x = torch.ones(1, 2)
    (used(x) + half[0](x)).sum().backward()
    assert untrained(model) == ["idle", "partly.1"]


def test_untrained_parts_are_logged_once(make, caplog) -> None:
    streams = "{image: {backbone: toy}, spare: {input: depth, backbone: toy}}"
    heads = "{semantic: {streams: [image], decoder: fcn32s, loss: cross_entropy}}"
    with caplog.at_level(logging.INFO, logger="pluxel"):
        Trainer(make(f"streams={streams}", f"heads={heads}", "training.steps=3")).train()
    lines = [line for line in caplog.messages if "no loss depends on" in line]
    assert lines == ["no loss depends on, so not trained: streams.spare"]


@pytest.mark.parametrize("more", [(), ("training.keep_cells=0.25",)], ids=["all", "some cells"])
def test_twenty_passes_of_one_image_are_a_batch_of_twenty(train, more) -> None:
    still = ("backbone.norm=false", "training.steps=2", "training.sampling=uniform", *more)
    crop = "augment.train=[{RandomCrop: {height: 16, width: 16}}]"
    rate = "training.optimizer={type: sgd, lr: 0.1}"
    sizes = {"one": (20, 1), "twenty": (1, 20)}
    runs = [
        train(
            *still,
            crop,
            rate,
            f"training.batch_size={images}",
            f"training.accumulate={passes}",
            name=name,
        )
        for name, (images, passes) in sizes.items()
    ]
    one, other = (read_tensors(run.weights)[0] for run in runs)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=1e-6)
