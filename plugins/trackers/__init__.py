"""Receivers of what a training measures."""
