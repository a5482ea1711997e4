"""Show all samples of a split on a page, with the findings of a data check."""
