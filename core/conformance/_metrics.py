"""What every metric must guarantee. Statistics are (N, …), one row for each image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..common.randomness import seeded
from ..common.torch_private import fake_devices, fake_tensors
from ..contracts.offers import offers
from ..contracts.optional import LowerIsBetter
from ..contracts.segmented import SegmentedBatch
from ._check import require
from ._subject import IGNORE_INDEX, NUM_CLASSES, Subject


def single_images(subject: Subject) -> None:
    """Each row depends on one image alone, and images of any size have rows of one shape."""
    metric = subject.metric()
    probabilities, target = images()
    found = metric.statistics(batch_of(probabilities, target))
    require(
        found.dtype in (torch.int64, torch.float64),
        f"the statistics are {found.dtype}, not int64 or float64",
    )
    require(
        found.shape[:1] == (len(target),),
        f"the statistics of {len(target)} images have the shape {tuple(found.shape)}",
    )
    alone = [
        metric.statistics(batch_of(probabilities[i : i + 1], target[i : i + 1]))
        for i in range(len(target))
    ]
    _require_close(torch.cat(alone), found, "the other images of a batch change the statistics")
    other = metric.statistics(batch_of(*images((1, NUM_CLASSES, 5, 12))))
    require(
        other.shape[1:] == found.shape[1:],
        f"the statistics of an image have the shape {tuple(found.shape[1:])}, and of one of "
        f"another size {tuple(other.shape[1:])}",
    )


def several_sums(subject: Subject) -> None:
    """Scores are computed for any number of sums at once: ``()``, or one for each class."""
    metric = subject.metric()
    rows = metric.statistics(batch_of(*images()))
    together = _scores(metric.scores(rows))
    require(bool(together), "there are no scores")
    for index, row in enumerate(rows):
        for name, value in _scores(metric.scores(row)).items():
            require(name in together, f"the score '{name}' is not always there")
            require(
                value.shape in ((), (NUM_CLASSES,)),
                f"the score '{name}' of one sum has the shape {tuple(value.shape)}",
            )
            shape = (len(rows), *value.shape)
            found = together[name]
            require(
                found.shape == shape,
                f"the score '{name}' of {len(rows)} sums has the shape {tuple(found.shape)}",
            )
            _require_close(found[index], value, f"other sums change the score '{name}'")


def ignored_pixels(subject: Subject) -> None:
    """What is predicted for ignored pixels changes nothing."""
    for ignore_index in (IGNORE_INDEX, -1, 2):  # 2 is also a class
        metric = subject.metric(ignore_index=ignore_index)
        probabilities, target = images(ignore_index=ignore_index)
        other = probabilities.where((target != ignore_index)[:, None], probabilities.flip(1))
        found, expected = (
            metric.statistics(SegmentedBatch.of(each, target, ignore_index))
            for each in (other, probabilities)
        )
        _require_close(found, expected, f"pixels with the ignore index {ignore_index} count")


def nothing_labeled(subject: Subject) -> None:
    """An image without a labeled pixel changes no score, and no image at all is not an error."""
    metric = subject.metric()
    probabilities, target = images()
    target[1:] = IGNORE_INDEX
    rows = metric.statistics(batch_of(probabilities, target))
    require(bool(rows.isfinite().all()), "the statistics are not finite")
    alone = _scores(metric.scores(rows[0]))
    for name, value in _scores(metric.scores(rows.sum(0))).items():
        _require_close(value, alone[name], f"an image without labels changes the score '{name}'")
    metric.scores(torch.zeros_like(rows[0]))


def single_pixel(subject: Subject) -> None:
    """An image of one pixel has finite statistics, whatever its class."""
    metric = subject.metric()
    for label in range(NUM_CLASSES):
        probabilities = torch.tensor([0.1, 0.2, 0.4, 0.3]).view(1, 4, 1, 1)
        rows = metric.statistics(batch_of(probabilities, torch.full((1, 1, 1), label)))
        require(bool(rows.isfinite().all()), f"class {label}: the statistics are not finite")


def devices(subject: Subject) -> None:
    """The statistics need no value of a tensor, on any device."""
    for device in fake_devices():
        with fake_tensors():
            probabilities = torch.rand(2, NUM_CLASSES, 7, 9, device=device).softmax(1)
            target = torch.randint(NUM_CLASSES, (2, 7, 9), device=device)
            rows = subject.metric().statistics(batch_of(probabilities, target))
        require(len(rows) == 2, f"on {device}, there are {len(rows)} rows for 2 images")


def class_permutation(subject: Subject) -> None:
    """The order of the classes changes the order of their scores, and nothing else."""
    order = [2, 0, 3, 1]
    probabilities, target = images()
    number = torch.full((IGNORE_INDEX + 1,), IGNORE_INDEX)
    number[torch.tensor(order)] = torch.arange(NUM_CLASSES)
    first, second = subject.metric(), subject.metric(order=order)
    expected = _scores(first.scores(first.statistics(batch_of(probabilities, target)).sum(0)))
    permuted = batch_of(probabilities[:, order], number[target])
    for name, value in _scores(second.scores(second.statistics(permuted).sum(0))).items():
        wanted = expected[name][order] if value.ndim else expected[name]
        _require_close(value, wanted, f"the order of the classes changes the score '{name}'")


def improves(subject: Subject) -> None:
    """A right prediction scores better than a wrong one, and neither score is infinite."""
    metric = subject.metric()
    errors = metric.lower_is_better if offers(metric, LowerIsBetter) else ()
    _, target = images((2, NUM_CLASSES, 16, 18))
    known = target.where(target != IGNORE_INDEX, 0)
    right, wrong = (
        {name: value.nanmean().item() for name, value in _scores(found).items()}
        for found in (
            metric.scores(metric.statistics(batch_of(_certain(each), target)).sum(0))
            for each in (known, (known + 1) % NUM_CLASSES)
        )
    )
    for name, value in right.items():
        is_better = value < wrong[name] if name in errors else value > wrong[name]
        require(
            is_better,
            f"the score '{name}' of a right prediction is {value:.4g}, and {wrong[name]:.4g} of a "
            "wrong one; lower_is_better names the scores that are errors",
        )


def batch_of(probabilities: Tensor, target: Tensor) -> SegmentedBatch:
    """Return the batch that the checks give to a metric."""
    return SegmentedBatch.of(probabilities, target, IGNORE_INDEX)


def images(
    shape: tuple[int, int, int, int] = (2, NUM_CLASSES, 7, 9), ignore_index: int = IGNORE_INDEX
) -> tuple[Tensor, Tensor]:
    """Return probabilities (N, C, H, W) and a target in which 30 % are ignored."""
    batch, classes, height, width = shape
    with seeded(8):
        probabilities = torch.randn(shape).mul_(2).softmax(1)
        target = torch.randint(classes, (batch, height, width))
        void = torch.rand(target.shape) < 0.3
    return probabilities, target.masked_fill(void, ignore_index)


def _certain(classes: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(classes, NUM_CLASSES).movedim(-1, 1).float()


def _scores(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value).double() for name, value in found.items()}


def _require_close(found: Tensor, expected: Tensor, what: str) -> None:
    is_close = found.shape == expected.shape and torch.allclose(
        found.double(), expected.double(), rtol=1e-9, atol=1e-9, equal_nan=True
    )
    require(is_close, what)


CHECKS = (
    single_images,
    several_sums,
    ignored_pixels,
    nothing_labeled,
    single_pixel,
    devices,
    class_permutation,
    improves,
)
