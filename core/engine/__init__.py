"""Training and evaluation."""

from .evaluate import Evaluation, Evaluator
from .experiment import Experiment
from .run import Run, open_run
from .signals import Interrupted
from .state import Diverged
from .train import Trainer
from .trained import Trained, evaluate_run, open_trained

__all__ = [
    "Diverged",
    "Evaluation",
    "Evaluator",
    "Experiment",
    "Interrupted",
    "Run",
    "Trained",
    "Trainer",
    "evaluate_run",
    "open_run",
    "open_trained",
]
