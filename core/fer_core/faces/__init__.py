"""Finding, following and judging faces."""
