"""Evaluate a network."""
