"""Parse YAML into a tree whose nodes know their source locations."""
