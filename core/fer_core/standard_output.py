"""What a command does with its output when nobody reads it, or not all of it can be written."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def prepare_streams() -> None:
    """Both streams can be written to from now on, whatever a text holds.

    One that was closed by whoever started the command leads nowhere, and what the encoding of standard output lacks,
    as names of files may, becomes an escape.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  for as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def discard_standard_output() -> None:
    """From now on nothing is written: for a command whose reader is gone (``| head``) or whose disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
