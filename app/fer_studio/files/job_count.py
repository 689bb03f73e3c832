"""How many files are measured at the same time."""

from __future__ import annotations

from PySide6.QtCore import QSettings

MOST_JOBS = 16
#: As in :class:`fer_studio.settings.Preferences`.
_KEY = "preferences/file_jobs"
_CORES_A_JOB = 2
_MOST_USUAL_JOBS = 4


def usual_jobs() -> int:
    """For the cores of this machine: one job keeps two busy, and each has its own model in memory."""
    from fer_core.infer.engine import cpu_count  # slow to load

    return max(1, min(cpu_count() // _CORES_A_JOB, _MOST_USUAL_JOBS))


def chosen_jobs(settings: QSettings) -> int:
    """What the person chose, else the usual number."""
    try:
        jobs = int(str(settings.value(_KEY, 0)))
    except ValueError:  # a file that somebody edited
        jobs = 0
    return min(jobs, MOST_JOBS) if jobs > 0 else usual_jobs()
