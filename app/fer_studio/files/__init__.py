"""The workspace that measures files in a queue."""
