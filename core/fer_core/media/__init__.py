"""From files and cameras to frames, and from frames back to files."""
