"""The one error of this room."""

from __future__ import annotations

import errno
from pathlib import Path

_OUT_OF_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class RecordError(Exception):
    """A recording cannot be written or read. The message names the file, the reason and the remedy.

    Args:
        path: the file that is meant.
        reason: what is wrong with it.
        remedy: what the user can do.
    """

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


def write_error(path: Path, error: OSError, *, kept: bool = False) -> RecordError:
    """The :class:`RecordError` for an :class:`OSError` met while writing.

    Args:
        path: the file that was written.
        error: what the operating system said.
        kept: whether rows written before stay in the file, so that ``--resume`` can go on from them.
    """
    reason = f"cannot be written ({error.strerror or error})"
    go_on = ", then go on with --resume (all rows written so far are kept)" if kept else ""
    if error.errno in _NO_FOLDER:
        return RecordError(path, "cannot be written (its folder is a file)", "choose another folder with -o")
    if error.errno == errno.ENAMETOOLONG:
        return RecordError(path, "cannot be written (its name is too long)", "give the input a shorter name")
    if error.errno in _OUT_OF_SPACE:
        return RecordError(path, reason, f"free some space or choose another folder with -o{go_on}")
    if error.errno in _NOT_ALLOWED:
        return RecordError(path, reason, f"check its permissions or choose another folder with -o{go_on}")
    return RecordError(path, reason, f"check the path and the disk, or choose another folder with -o{go_on}")
