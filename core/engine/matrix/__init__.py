"""Try every network of a family of backbones under every decoder, and record what works."""
