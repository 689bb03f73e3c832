"""What can go wrong when a face is to be synthesised."""

from __future__ import annotations


class SynthesisError(ValueError):
    """A photograph or a request that cannot be used; the message says why, and what to do about it."""
