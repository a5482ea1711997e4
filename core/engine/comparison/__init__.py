"""Compare runs that were evaluated on the same images."""
