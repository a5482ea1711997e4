"""Notice learning rates that do not fit the scale of the loss: a mean, or a sum over pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ...config.sections.training import SGDConfig, TrainingConfig
from ...contracts.kinds import Loss
from ...contracts.labels import LabelSpace
from ...contracts.offers import offers
from ...contracts.optional import PerPixel
from ...model.objective import Objective
from ...model.strips import terms_of
from ...model.weights import first_names

LARGEST_FOR_SUM = 1e-6
"""A sum over the 2·10⁵ pixels of an image moves the weights as a mean with a rate of 0.2 does."""

SMALLEST_FOR_NEW = 1e-11
"""The paper's networks learn their first scores by sums with 1e-10; later stages go to 1e-14."""

SMALLEST_FOR_MEAN = 1e-8
"""Half a million steps with this rate move the weights as 50 steps with 1e-4 do."""


def largest_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the largest initial learning rate of weights; biases usually have twice that rate."""
    groups = optimizer.param_groups
    of_weights = [one for one in groups if any(p.ndim > 1 for p in one["params"])]
    return max(one["initial_lr"] for one in of_weights or groups)


def is_sum_over_pixels(loss: Loss, num_classes: int) -> bool:
    """Return whether a loss adds up pixels without dividing by their number."""
    if not offers(loss, PerPixel):
        return False
    one, two = (
        float(loss.normalizer((torch.arange(count) % num_classes).view(1, 1, -1)))
        for count in (num_classes, 2 * num_classes)
    )
    return one == two


def doubtful_rate(
    objective: Objective,
    space: LabelSpace,
    head: str,
    options: TrainingConfig,
    rate: float,
    new: Sequence[str] = (),
) -> Iterator[str]:
    """Yield a note if the learning rate does not fit the loss of a head.

    ``rate``: the `largest_rate`. ``new``: the classes whose scores start anew. The weights of heads
    and of terms count as factors of the rate. Adam divides gradients by their size, so for it, the
    scale of the loss does not matter.
    """
    seen = objective.seen.get(head)
    count = len(seen.select(space.class_names)) if seen else space.num_classes
    is_sgd = isinstance(options.optimizer, SGDConfig)
    sums, means = [0.0], [0.0]
    for _, weight, term in terms_of(objective.losses[head]):
        scaled = rate * weight * objective.weights[head] if is_sgd else rate
        is_sum = is_sgd and is_sum_over_pixels(term, count)
        (sums if is_sum else means).append(scaled)
    if max(sums) > LARGEST_FOR_SUM and options.clip_norm is None:
        yield (
            f"the loss of head '{head}' is a sum over pixels, for which a learning rate of "
            f"{max(sums):g} is so large that training may diverge. Divide a rate for the mean by "
            "the pixels of an image, so 1e-10 instead of 2e-5, or set reduction: mean"
        )
    if new and max(means) < SMALLEST_FOR_MEAN and 0 < max(sums) < SMALLEST_FOR_NEW:
        yield (
            f"the scores of head '{head}' start anew for {first_names(new)}, but hardly change: "
            f"the loss is a sum over pixels, for which a learning rate of {max(sums):g} only "
            "refines scores. Set training.optimizer.lr=1e-10, as for new scores in the paper"
        )
    if max(sums) == 0 < max(means) < SMALLEST_FOR_MEAN:
        found = f"with a learning rate of {max(means):g}, the weights hardly change"
        yield (
            f"the loss of head '{head}' is not a sum over pixels: {found}. Multiply a rate for the "
            "sum by the pixels of an image, so 2e-5 instead of 1e-10"
            if is_sgd
            else f"{found}: adamw takes steps of about that size, whatever the loss"
        )
