"""Finds the video or the images that a CSV was measured from. No Qt."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from fer_core.media.source import VIDEO_SUFFIXES
from fer_core.record.errors import RecordError
from fer_core.record.sidecar import read_sidecar, sidecar_path


def find_media(csv: Path) -> Path | None:
    """Beside the CSV or beside its folder, by the name that its JSON holds, else by its own name; None when absent."""
    names = []
    with contextlib.suppress(RecordError):  # of a CSV that was moved without it
        names.append(read_sidecar(sidecar_path(csv)).input_name)
    names += [csv.stem + suffix for suffix in sorted(VIDEO_SUFFIXES)]
    folders = (csv.absolute().parent, csv.absolute().parent.parent)
    places = [folder / name for name in names for folder in folders]
    return next((place for place in places if os.path.exists(place)), None)
