"""Making further faces: synthesised affect."""
