"""What goes wrong with data."""

from __future__ import annotations


class DataError(Exception):
    """A data set is not what its reader expects; the message names the file or column and the remedy."""
