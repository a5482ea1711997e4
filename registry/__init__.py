"""Part of Pluxel."""
