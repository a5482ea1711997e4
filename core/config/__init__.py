"""Configurations: YAML to validated sections and component factories, and every error's place."""
