"""Turn YAML into validated sections and factories; every error has a source location."""
