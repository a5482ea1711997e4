"""Mistakes in a configuration, explained in the words of its author."""
