"""What a component of each kind offers, and what labels mean."""
