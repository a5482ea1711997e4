"""GloVe 6B 50d for Pluxel, without a download of its own."""
