"""Web pages of runs, for people: one file each, which loads nothing."""
