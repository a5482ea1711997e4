"""From a dataset's samples to batches."""
