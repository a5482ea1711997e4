"""Train from the command line, with a picture after each step: a script.

Its arguments are those of ``pluxel``.
"""

from __future__ import annotations

import numpy as np
from pluxel.core.cli import main
from pluxel.core.engine.training.phase import PhaseTrainer

_step = PhaseTrainer.step


def step(self: PhaseTrainer, *arguments: object) -> None:
    _step(self, *arguments)  # pyright: ignore[reportArgumentType]
    image = np.full((8, 12, 3), 200, np.uint8)
    self.owned.tracking.images(self.progress.total, {"val/pictures": image})


PhaseTrainer.step = step  # pyright: ignore[reportAttributeAccessIssue]

if __name__ == "__main__":
    main()
