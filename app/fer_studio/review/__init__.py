"""The workspace that plays, marks and exports a recording."""
