"""Error messages for configurations, in terms of the YAML that the user wrote."""
