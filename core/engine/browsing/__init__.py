"""Show all samples of a split as a page, with what a check of the data finds."""
