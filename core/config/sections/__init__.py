"""Sections of a configuration and the components that they name."""
