"""What is done with a network: training, evaluation, inference, and the directory of a run."""
