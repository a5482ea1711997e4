"""The loss Poly-1 for Pluxel."""
