"""Build a network and its losses from a valid configuration and the facts of a dataset."""
