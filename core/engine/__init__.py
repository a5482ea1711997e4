"""Training and evaluation."""

from .evaluation.evaluate import Evaluation, Evaluator
from .run import Run, open_run
from .trained import Trained, evaluate_run, open_trained
from .training.experiment import Experiment
from .training.signals import Interrupted
from .training.state import Diverged
from .training.train import Trainer

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
