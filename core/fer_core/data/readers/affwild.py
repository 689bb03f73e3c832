"""Aff-Wild (Kollias et al., IJCV 2019; Zafeiriou et al., CVPRW 2017): 298 videos, valence and arousal of every frame.

Layout: ``videos/train/<id>.mp4`` (some ``.avi``), ``annotations/train/valence/<id>.txt`` and
``annotations/train/arousal/<id>.txt`` with one value in [-1, 1] a line, line k for frame k. The annotations of the
official test set are not public, so the public videos are split by video into training, validation and test. The
boxes (``bboxes/``) are not used: where several faces are in view, the most prominent is taken.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, split_by_subject
from fer_core.data.sample import Sample
from fer_core.data.tables import number_within, read_lines, row_complaints

NAME = "affwild"
_VALENCE = "annotations/train/valence"
_AROUSAL = "annotations/train/arousal"


def read_affwild(archive: Archive) -> Read:
    """One sample a frame, with valence and arousal; labels beyond the last frame of a video are dropped.

    Raises:
        DataError: when a folder, the arousal of a video or the video itself is missing, or a value cannot be read.
    """
    base = archive.enclosing(_VALENCE)
    videos = {PurePosixPath(n).stem: n for n in archive.names() if n.startswith(f"{base}videos/train/")}
    samples, dropped = [], {"label_beyond_last_frame": 0}
    for member in (n for n in archive.names(".txt") if n.startswith(f"{base}{_VALENCE}/")):
        video = PurePosixPath(member).stem
        if video not in videos:
            raise DataError(f"{archive.name}: videos/train/{video}.mp4 is missing; unpack the videos of the data set")
        valence = _values(archive, member)
        arousal = _values(archive, f"{base}{_AROUSAL}/{video}.txt")
        if len(valence) != len(arousal):
            raise DataError(
                f"{archive.name}: {len(valence)} values in {member} and {len(arousal)} for arousal; "
                "restore both files of the video"
            )
        count = archive.frame_count(videos[video]) or len(valence)
        dropped["label_beyond_last_frame"] += max(len(valence) - count, 0)
        for index, pair in enumerate(zip(valence[:count], arousal[:count], strict=True)):
            path, va = f"{videos[video]}#{index}", np.array(pair, np.float32)
            samples.append(Sample(archive.name, path, "train", subject=video, va=va, sequence=video, frame=index))
    if not samples:
        raise DataError(f"{archive.name}: the files in {_VALENCE} hold no value; restore the official files")
    return split_by_subject(samples), dropped


def _values(archive: Archive, member: str) -> list[float]:
    values = []
    for number, line in enumerate(read_lines(archive.read(member), f"{archive.name}/{member}"), start=1):
        with row_complaints(f"{archive.name}/{member}", f"frame {number}"):
            values.append(number_within(line, -1, 1))
    return values
