"""Where the cells of a map lie, for any network."""
