"""Lines for a person at a terminal, who may have stopped reading."""

from __future__ import annotations

import re

from fer_core.standard_output import discard_standard_output

#: Line ends and other control codes, and bytes of a file name that are no text.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """``text`` on one line, with escapes for what a terminal must not get: names of files may hold anything."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Prints to standard output; nothing more goes there once it is closed (``| head``) or full.

    No measurement ends because of that: what counts is in files.
    """
    try:
        print(text, flush=True)
    except OSError:
        discard_standard_output()
