"""Explain errors of norms that see a single value per channel, which has no variance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from torch import nn

from ....registry import PluxelError


class SingleValue(PluxelError):  # noqa: N818 - names what the norm sees
    """A norm that computes statistics of its input sees one value per channel."""


_ERROR = "Expected more than 1"
"""How the errors of torch's batch, group and instance norms start."""


@contextmanager
def explained(model: nn.Module) -> Iterator[None]:
    """Raise SingleValue that names the norm and the remedies, in place of torch's ValueError."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(_ERROR):
            raise
        names = {id(module): name for name, module in model.named_modules()}
        found = [names[id(one)] for one in _modules(error.__traceback__) if id(one) in names]
        name = f"norm '{found[-1]}'" if found else "a norm"
        shape = str(error).rpartition("torch.Size(")[2].rstrip(")")
        raise SingleValue(
            f"{name} sees a single value per channel, of which it cannot compute the variance: "
            f"its input is {shape}",
            [
                "set training.batch_size to 2 or more, use larger images or crops, freeze the norm "
                "with training.groups, or set norm: group where a component has this option"
            ],
        ) from error


def _modules(trace: TracebackType | None) -> Iterator[nn.Module]:
    """Yield the modules whose methods ran, innermost last."""
    while trace is not None:
        if isinstance(module := trace.tb_frame.f_locals.get("self"), nn.Module):
            yield module
        trace = trace.tb_next
