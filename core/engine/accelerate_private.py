"""Separate accelerate state for each training; the only file that uses its private names.

accelerate stores device, precision and processes in a dictionary, an attribute of three classes.
All ``Accelerator`` objects of a process share these dictionaries, and accelerate rejects an
``Accelerator`` with other settings. But each object keeps the dictionary from its creation. So a
training can own separate dictionaries and install them only while accelerate works for it. Other
trainings and an ``Accelerator`` of the calling script are not affected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from accelerate.state import AcceleratorState, GradientState, PartialState

_CLASSES = (AcceleratorState, GradientState, PartialState)
_ATTRIBUTE = "_shared_state"


class SeparateState:
    """A state that a call installs for one block: ``with state(): …``.

    If a version of accelerate stores its state elsewhere, all users share one state, and accelerate
    itself rejects a different precision. Threads share the installed state.
    """

    def __init__(self) -> None:
        # The type differs: a plain dictionary, or a thread-local one on a TPU.
        present = {cls: vars(cls)[_ATTRIBUTE] for cls in _CLASSES if _ATTRIBUTE in vars(cls)}
        self._own = {cls: type(state)() for cls, state in present.items()}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Install this state, and restore the previous state afterwards."""
        before = {cls: vars(cls)[_ATTRIBUTE] for cls in self._own}
        _install(self._own)
        try:
            yield
        finally:
            _install(before)


def _install(states: Mapping[type, Any]) -> None:
    for cls, state in states.items():
        setattr(cls, _ATTRIBUTE, state)
