"""The contract of each kind of component, and the meaning of labels."""
