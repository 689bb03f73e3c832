"""Problems in words that fit a window: what the command line advises, and what the same is here. No Qt."""

from __future__ import annotations

_FOLDER = "choose another folder for results"
_RETRY = "press Retry"
_THERE_AND_HERE = (
    ("choose another folder with -o", _FOLDER),
    ("use another folder with -o", _FOLDER),
    ("; give a neutral one with --baseline FILE", ""),
    ("resume with what the first run had (see the .json beside it), or start anew with --overwrite", _RETRY),
    ("resume with the options of the first run, or start anew with --overwrite", _RETRY),
    ("start anew with --overwrite", f"move it away and {_RETRY}"),
    (
        "if memory ran out use fewer --jobs, then go on with --resume",
        f"if memory ran out choose fewer files at once in the settings, then {_RETRY} to go on",
    ),
    (
        "go on with --resume and without --jobs",
        f"choose fewer files at once in the settings, then {_RETRY} to go on",
    ),
    ("please report it with the lines above", f"{_RETRY}, and report it when it comes again"),
)


def in_the_window(problem: str, go_on: str = "press Retry to go on") -> str:
    """The text of an error without options of the command line.

    Args:
        problem: ``<what>: <reason>; <remedy>``.
        go_on: what takes the place of ``--resume`` where this is shown.
    """
    text = problem
    for there, here in _THERE_AND_HERE:
        text = text.replace(there, here)
    return text.replace("then go on with --resume", f"then {go_on}")
