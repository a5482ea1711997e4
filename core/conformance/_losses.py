"""What every loss must guarantee. Logits are (N, C, H, W), targets (N, H, W) int64."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..common.randomness import seeded
from ..common.torch_private import fake_devices
from ..contracts.kinds import Loss
from ..geometry.grid import Grid
from ..geometry.resampling import resample
from ..geometry.scores import Scores
from ..model.strips import resampled_loss
from ._check import ConformanceError, require
from ._networks import require_on, without_values
from ._subject import IGNORE_INDEX, NUM_CLASSES, Subject


def scalar(subject: Subject) -> None:
    """The loss of a batch is one finite number of at least 0, on the device of the logits."""
    value = subject.loss()(*example())
    require(value.shape == (), f"the loss has the shape {tuple(value.shape)}, not ()")
    require(bool(value.isfinite()) and value.item() >= 0, f"the loss is {value.item():.4g}")


def ignored_pixels(subject: Subject) -> None:
    """Ignored pixels get exactly zero gradient, and do not change the loss."""
    for ignore_index in (IGNORE_INDEX, -1, 2):  # 2 is also a class
        loss = subject.loss(ignore_index=ignore_index)
        logits, target = example(ignore_index=ignore_index)
        labeled = target != ignore_index
        slope = gradient(loss, logits, target).movedim(1, -1)
        require(
            not slope[~labeled].any(),
            f"pixels with the ignore index {ignore_index} get a gradient",
        )
        require(bool(slope[labeled].any()), "labeled pixels get no gradient")
        other = logits.where(labeled[:, None], 3 * logits.flip(-1))
        _require_close(loss(other, target), loss(logits, target), "ignored pixels change the loss")


def nothing_labeled(subject: Subject) -> None:
    """If all pixels are ignored, the loss is 0, with a gradient of zeros."""
    logits, target = example(ignored=1)
    value = subject.loss()(logits, target)
    require(value.item() == 0, f"the loss is {value.item()}, not 0, without labeled pixels")
    slope = (
        torch.autograd.grad(value, logits, allow_unused=True)[0] if value.requires_grad else None
    )
    require(slope is not None, "without labeled pixels, the loss cannot be differentiated")
    require(slope is not None and not slope.any(), "the gradient is not zero")


def gradient_of_its_value(subject: Subject) -> None:
    """In float64, the gradient is that of the value (``torch.autograd.gradcheck``)."""
    logits, target = example((2, 3, 3, 4))
    loss = subject.loss(3)
    given = logits.double().detach().requires_grad_()
    is_right = torch.autograd.gradcheck(
        lambda x: loss(x, target), given, atol=1e-6, raise_exception=False
    )
    require(is_right, "the gradient is not that of the value")


def stray_labels(subject: Subject) -> None:
    """A label that is neither a class nor the ignore index is an error that names it."""
    for ignore_index, stray in ((IGNORE_INDEX, 77), (IGNORE_INDEX, -1), (-1, IGNORE_INDEX)):
        logits, target = example(ignore_index=ignore_index)
        target[0, 0, 0] = stray
        try:
            subject.loss(ignore_index=ignore_index)(logits, target)
        except Exception as error:  # noqa: BLE001 - the check is about its text
            require(str(stray) in str(error), f"the error does not name label {stray}: {error}")
        else:
            raise ConformanceError(f"label {stray} is accepted, although it is not a class")


def half_precision(subject: Subject) -> None:
    """For float16 and bfloat16 logits of four million pixels, loss and gradient are finite."""
    logits, target = example((1, 2, 2048, 2048), ignored=0.1)
    loss = subject.loss(2)
    for dtype in (torch.float16, torch.bfloat16):
        low = (logits.detach() * 4).to(dtype).requires_grad_()
        value = loss(low, target)
        require(bool(value.isfinite()), f"the loss of {dtype} logits is {value.item()}")
        require(value.dtype == torch.float32, f"the loss of {dtype} logits is {value.dtype}")
        (slope,) = torch.autograd.grad(value, low)
        require(bool(slope.isfinite().all()), f"the gradient of {dtype} logits is not finite")


def devices(subject: Subject) -> None:
    """It needs no value of a tensor, and creates none on another device than that of the logits."""
    for device in fake_devices():
        with without_values():
            logits = torch.randn(2, NUM_CLASSES, 7, 9, device=device)
            target = torch.randint(NUM_CLASSES, (2, 7, 9), device=device)
            value = subject.loss()(logits, target)
        require_on(device, [value], "the loss")


def autocast(subject: Subject) -> None:
    """The loss is computed in float32, whether or not autocast is active."""
    logits, target = example((1, NUM_CLASSES, 64, 64))
    loss = subject.loss()
    low = (logits.detach() * 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(low, target)
    _require_close(found, loss(low.float(), target), "autocast changes the loss")


def large_logits(subject: Subject) -> None:
    """Loss and gradient stay finite for logits of 10,000."""
    loss = subject.loss()
    logits, target = example()
    for scale in (1e2, 1e4):
        large = (logits.detach() * scale).requires_grad_()
        require(bool(loss(large, target).isfinite()), f"logits × {scale:g}: the loss is not finite")
        slope = gradient(loss, large, target)
        require(bool(slope.isfinite().all()), f"logits × {scale:g}: the gradient is not finite")


def single_pixel(subject: Subject) -> None:
    """An image of one pixel has a finite loss and gradient, whatever its class."""
    for label in range(NUM_CLASSES):
        logits = torch.tensor([0.5, -1.0, 2.0, 0.0]).view(1, 4, 1, 1).requires_grad_()
        target = torch.full((1, 1, 1), label)
        slope = gradient(subject.loss(), logits, target)
        require(bool(slope.isfinite().all()), f"class {label}: the gradient is not finite")


def memory_layout(subject: Subject) -> None:
    """The layout of logits and target in memory does not change the loss."""
    loss = subject.loss()
    logits, target = example()
    strided = logits.detach().to(memory_format=torch.channels_last).requires_grad_()
    apart = target.mT.contiguous().mT
    _require_close(loss(strided, apart), loss(logits, target), "channels_last changes the loss")
    slopes = gradient(loss, strided, apart), gradient(loss, logits, target)
    _require_close(*slopes, "channels_last changes the gradient")


def class_permutation(subject: Subject) -> None:
    """The order of the classes does not change the loss."""
    order = [2, 0, 3, 1]
    logits, target = example()
    number = torch.full((IGNORE_INDEX + 1,), IGNORE_INDEX)
    number[torch.tensor(order)] = torch.arange(NUM_CLASSES)
    found = subject.loss(order=order)(logits[:, order], number[target])
    _require_close(found, subject.loss()(logits, target), "the order of the classes matters")


def strips(subject: Subject) -> None:
    """Computed strip by strip, loss and gradient equal those of the whole image."""
    loss = subject.loss()
    with seeded(6):
        coarse = torch.randn(2, NUM_CLASSES, 97, 61)
    coarse *= torch.linspace(0.2, 4, 97).view(97, 1)  # so that strips are not alike
    _, target = example((2, NUM_CLASSES, 768, 480))  # several strips
    results = []
    for whole in (True, False):
        given = coarse.clone().requires_grad_()
        scores = Scores(given, Grid(8, (4, 3)))
        if whole:
            value = loss(resample(scores, (target.shape[1], target.shape[2])), target)
        else:
            value = resampled_loss(loss, scores, target)
        results.append((value, torch.autograd.grad(value, given)[0]))
    (expected, its), (found, mine) = results
    _require_close(found, expected, "strips change the loss")
    scale = its.abs().max().clamp_min(1e-12)  # each of many pixels has a small gradient
    _require_close(mine / scale, its / scale, "strips change the gradient")


def improves(subject: Subject) -> None:
    """Better predictions have a lower loss."""
    loss = subject.loss()
    _, target = example()
    known = target.where(target != IGNORE_INDEX, 0)
    right = functional.one_hot(known, NUM_CLASSES).movedim(-1, 1).float()
    values = [loss(scale * right, target).item() for scale in (-4, 0, 2)]
    require(
        values[0] > values[1] > values[2],
        f"the loss of wrong, uniform and right predictions is {values}, which does not fall",
    )


def example(
    shape: tuple[int, int, int, int] = (2, NUM_CLASSES, 7, 9),
    ignore_index: int = IGNORE_INDEX,
    ignored: float = 0.3,
) -> tuple[Tensor, Tensor]:
    """Return logits that require a gradient, and a target in which the last class is absent.

    ``ignored``: the share of ignored pixels.
    """
    batch, classes, height, width = shape
    with seeded(7):
        logits = torch.randn(shape).mul_(2).requires_grad_()
        target = torch.randint(classes - 1, (batch, height, width))
        void = torch.rand(target.shape) < ignored
    return logits, target.masked_fill(void, ignore_index)


def gradient(loss: Loss, logits: Tensor, target: Tensor) -> Tensor:
    """Return the gradient of the loss for the logits."""
    return torch.autograd.grad(loss(logits, target), logits)[0]


def _require_close(found: Tensor, expected: Tensor, what: str) -> None:
    try:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    except AssertionError as error:
        shown = f": {found.item():.6g}, not {expected.item():.6g}" if not found.ndim else ""
        raise ConformanceError(f"{what}{shown}") from error


CHECKS = (
    scalar,
    ignored_pixels,
    nothing_labeled,
    gradient_of_its_value,
    stray_labels,
    half_precision,
    devices,
    autocast,
    large_logits,
    single_pixel,
    memory_layout,
    class_permutation,
    strips,
    improves,
)
