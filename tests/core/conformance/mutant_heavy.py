"""A plugin whose registration imports a package that only its component needs."""

import numpy as np
from pluxel.registry import Component, hookimpl

assert np


@hookimpl
def pluxel_losses() -> list[Component]:
    return [Component("good", "mutant_losses:Good", "x")]
