"""State of accelerate that belongs to one user of it: the one file with its private names.

accelerate keeps device, precision and processes in an attribute of three classes. Every
``Accelerator`` of a process shares it, and one that differs is refused; but each holds on to the
dictionary that was there when it was made. So a training can have dictionaries of its own, which
are in place only while accelerate works for it, and neither another training nor the
``Accelerator`` of a script notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from accelerate.state import AcceleratorState, GradientState, PartialState

_CLASSES = (AcceleratorState, GradientState, PartialState)
_ATTRIBUTE = "_shared_state"


class SeparateState:
    """Calling it puts this state in place for a block: ``with state(): …``.

    A version of accelerate that keeps its state elsewhere is used as it is: all then share one
    state, and accelerate itself refuses a precision that differs. Threads share what is in place.
    """

    def __init__(self) -> None:
        # Whatever it is: a dictionary, or one for each thread on a TPU.
        present = {one: vars(one)[_ATTRIBUTE] for one in _CLASSES if _ATTRIBUTE in vars(one)}
        self._own = {one: type(state)() for one, state in present.items()}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Put the state in place, and what was there back again."""
        before = {one: vars(one)[_ATTRIBUTE] for one in self._own}
        _put(self._own)
        try:
            yield
        finally:
            _put(before)


def _put(states: Mapping[type, Any]) -> None:
    for one, state in states.items():
        setattr(one, _ATTRIBUTE, state)
