"""A local page to try runs on photographs."""
