"""Widgets that show what was measured. They draw; they compute no affect."""
