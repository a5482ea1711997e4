"""Training and evaluation."""

from .evaluate import Evaluation, Evaluator
from .experiment import Experiment, evaluate_run, read_weights
from .run import Run, open_run
from .signals import Interrupted
from .state import Diverged
from .train import Trainer

__all__ = [
    "Diverged",
    "Evaluation",
    "Evaluator",
    "Experiment",
    "Interrupted",
    "Run",
    "Trainer",
    "evaluate_run",
    "open_run",
    "read_weights",
]
