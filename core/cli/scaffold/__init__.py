"""Files that the command line writes for its user."""
