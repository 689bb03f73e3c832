"""What a command does when nobody reads on."""

from __future__ import annotations

import os
import sys


def discard_standard_output() -> None:
    """From now on nothing is written: for a command whose reader is gone (``| head``) or whose disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
