"""What past studies teach the next one: records, search spaces, history and recommendations."""
