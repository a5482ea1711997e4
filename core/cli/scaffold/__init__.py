"""Write starter files for the user."""
