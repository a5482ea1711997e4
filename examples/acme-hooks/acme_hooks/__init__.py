"""A journal of trainings."""
