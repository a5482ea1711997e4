"""From a valid configuration and a dataset's facts to a network and its losses."""
