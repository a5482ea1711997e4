"""A page on this machine on which a person tries runs on photographs."""
