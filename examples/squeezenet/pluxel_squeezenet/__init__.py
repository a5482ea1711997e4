"""SqueezeNet for Pluxel."""
