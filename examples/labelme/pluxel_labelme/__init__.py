"""Annotations of labelme for Pluxel."""
