"""Changes the random numbers of the process when it is imported."""

import random

from mutant_losses import Good  # pyright: ignore[reportMissingImports]

random.seed(0)


class Unclean(Good):
    pass
