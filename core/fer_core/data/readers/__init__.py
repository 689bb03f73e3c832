"""Readers, one file a data set: from an archive in its official layout to samples."""
