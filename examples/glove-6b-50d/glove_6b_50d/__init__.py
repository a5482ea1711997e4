"""GloVe 6B 50d for Pluxel, installed from a Python package."""
