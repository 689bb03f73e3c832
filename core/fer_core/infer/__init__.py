"""From frames to affect, without torch."""
