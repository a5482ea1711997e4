"""Base classes for plugin authors."""
