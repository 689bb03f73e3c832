"""AFEW-VA (Kossaifi et al., Image and Vision Computing 65, 2017): 600 film clips, valence and arousal of every frame.

Layout: a folder a clip, ``001/`` ... ``600/`` (published in twelve archives of fifty, which may stay enclosing
folders), with the frames ``00000.png`` ... and ``001.json``: ``{"video_id": "001", "actor": "...", "frames":
{"00000": {"landmarks": [[x, y], ... 68], "valence": v, "arousal": a}, ...}}``. Valence and arousal are whole numbers in
-10..10; they are divided by 10. There is no official split; clips are split by actor.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, keep_present, split_by_subject
from fer_core.data.sample import Sample
from fer_core.data.tables import decode, number_within, row_complaints

NAME = "afewva"
SCALE = 10.0


def read_afewva(archive: Archive) -> Read:
    """One sample a frame, with valence and arousal, and the actor as subject (the clip where no actor is named).

    Raises:
        DataError: when there are no clips, an annotation file cannot be read, or all frames are missing.
    """
    members = [n for n in archive.names(".json") if PurePosixPath(n).parent.name == PurePosixPath(n).stem]
    if not members:
        raise DataError(
            f"{archive.name}: no annotation such as 001/001.json is there; unpack the clips, each into its folder"
        )
    samples = []
    for member in members:
        clip, name = PurePosixPath(member).stem, f"{archive.name}/{member}"
        try:
            about = json.loads(decode(archive.read(member), name))
            frames, actor = about["frames"], str(about.get("actor") or f"clip {clip}")
        except (ValueError, KeyError, AttributeError) as error:
            raise DataError(f"{name} is no annotation of a clip ({error!r}); restore the official file") from error
        for frame, labels in sorted(frames.items()):
            with row_complaints(name, f"frame {frame}"):
                pair = [number_within(labels[key], -SCALE, SCALE) / SCALE for key in ("valence", "arousal")]
                path = str(PurePosixPath(member).parent / f"{frame}.png")
                va = np.array(pair, np.float32)
                sample = Sample(archive.name, path, "train", subject=actor, va=va, sequence=clip, frame=int(frame))
                samples.append(sample)
    dropped: dict[str, int] = {}
    return split_by_subject(keep_present(archive, samples, dropped)), dropped
