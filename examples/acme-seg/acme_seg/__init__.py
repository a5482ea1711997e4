"""A U-Net decoder for Pluxel."""
