"""Read samples of datasets and combine them into batches."""
