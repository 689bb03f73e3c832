"""Losses of the multi-task network, one a file; every one skips labels that are missing."""
