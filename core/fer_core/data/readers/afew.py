"""AFEW (Dhall et al. 2012; the EmotiW challenges): film clips with one of seven expressions each.

Layout, for each of ``Train_AFEW`` and ``Val_AFEW``: the clips in folders named by expression (``Angry``, ``Disgust``,
``Fear``, ``Happy``, ``Neutral``, ``Sad``, ``Surprise``), such as ``Train_AFEW/Angry/000046280.avi``, and the aligned
faces of their frames in ``AlignedFaces_LBPTOP_Points/Faces/<clip>/*.jpg`` (``AlignedFaces_LBPTOP_Points_Val`` in
validation). Every frame gets the expression of its clip. ``Val_AFEW`` is the validation split; the labels of the test
clips are not public. People are not named: a clip stands for a subject.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import IMAGE_SUFFIXES, Read, expression_named
from fer_core.data.sample import Sample, one_hot

NAME = "afew"
FOLDERS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
_PARTS = {"Train_AFEW": "train", "Val_AFEW": "valid"}


def read_afew(archive: Archive) -> Read:
    """One sample a face; clips without faces or in folders of two expressions are dropped and counted.

    Raises:
        DataError: when a part, its clips or its faces are missing.
    """
    samples, dropped = [], {"clip_without_faces": 0, "clip_of_two_expressions": 0}
    for part, split in _PARTS.items():
        base = f"{archive.enclosing(part)}{part}/"
        inside = [n for n in archive.names() if n.startswith(base)]
        clips: dict[str, set[str]] = defaultdict(set)
        faces: dict[str, list[str]] = defaultdict(list)
        for path in inside:
            parts = PurePosixPath(path).parts
            if parts[-2] in FOLDERS:
                clips[PurePosixPath(path).stem].add(parts[-2])
            elif "Faces" in parts[:-2] and path.lower().endswith(IMAGE_SUFFIXES):
                faces[parts[-2]].append(path)
        if not clips:
            raise DataError(f"{archive.name}: no clip such as {part}/Angry/000046280.avi is there; unpack the clips")
        if not faces:
            raise DataError(
                f"{archive.name}: no faces in {part}/AlignedFaces_LBPTOP_Points*/Faces/<clip>/; "
                "unpack the aligned faces of the challenge beside the clips"
            )
        for clip, folders in sorted(clips.items()):
            if len(folders) > 1 or clip not in faces:
                dropped["clip_of_two_expressions" if len(folders) > 1 else "clip_without_faces"] += 1
                continue
            votes = one_hot(expression_named(next(iter(folders))))
            for index, path in enumerate(faces[clip]):
                sample = Sample(archive.name, path, split, subject=clip, votes=votes, sequence=clip, frame=index)
                samples.append(sample)
    if not samples:
        raise DataError(f"{archive.name}: no clip has faces under its own name; unpack clips and faces of one release")
    return samples, dropped
