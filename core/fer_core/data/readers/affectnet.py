"""AffectNet (Mollahosseini, Hasani & Mahoor 2017): web images with expression, valence and arousal by one coder each.

Two releases are read, whichever is there:

- 2017, manually annotated: ``Manually_Annotated_file_lists/training.csv`` and ``validation.csv`` with the columns of
  ``COLUMNS`` (in some copies ``validation.csv`` has no header), images in ``Manually_Annotated_Images/<folder>/``.
  Codes: 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt, 8 none, 9 uncertain,
  10 no face. Valence and arousal are -2 where there are none (uncertain, no face).
- 2021: ``train_set/`` and ``val_set/``, each with ``images/<n>.jpg`` and ``annotations/<n>_exp.npy``, ``<n>_val.npy``,
  ``<n>_aro.npy`` (one value each, stored as text or number; ``_lnd.npy`` are landmarks). Codes 0..7 as above.

There is no public test set: validation is ``valid``, and published figures are figures on it. With seven classes the
contempt images are left out, with eight they stay. Faces coded *none* have valence and arousal, but no expression.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, keep_present
from fer_core.data.sample import Sample, one_hot
from fer_core.data.tables import decode, number_within, read_table, row_complaints
from fer_core.types import Floats

NAME = "affectnet"
LISTS = "Manually_Annotated_file_lists"
COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
CONTEMPT, NONE, UNCERTAIN, NO_FACE = 7, 8, 9, 10
NO_VA = -2.0
_SPLITS_2017 = {"training": "train", "validation": "valid"}
_SPLITS_2021 = {"train_set": "train", "val_set": "valid"}


def read_affectnet(archive: Archive) -> Read:
    """Samples with eight expressions, valence and arousal.

    Raises:
        DataError: when neither release is there, a file or column is missing, or a row cannot be read.
    """
    return _read(archive, contempt=True)


def read_affectnet7(archive: Archive) -> Read:
    """As :func:`read_affectnet`, without the contempt images."""
    return _read(archive, contempt=False)


def _read(archive: Archive, *, contempt: bool) -> Read:
    names = archive.names()
    if any(f"{LISTS}/" in n for n in names):
        samples, dropped = _read_2017(archive)
    elif any("train_set/annotations/" in n or "val_set/annotations/" in n for n in names):
        samples, dropped = _read_2021(archive)
    else:
        raise DataError(
            f"{archive.name}: neither {LISTS}/training.csv (release of 2017) nor train_set/annotations/ (release of "
            "2021) is there; unpack the data set's archives into one folder"
        )
    if not contempt:
        kept = [s for s in samples if not s.votes[-1] > 0]  # NaN, no expression, stays
        dropped["contempt"] = len(samples) - len(kept)
        samples = kept
    return keep_present(archive, samples, dropped), dropped


def _read_2017(archive: Archive) -> Read:
    samples, dropped = [], {"uncertain": 0, "no_face": 0}
    images: str | None = None
    for part, split in _SPLITS_2017.items():
        member = archive.locate(f"{LISTS}/{part}.csv")
        images = images if images is not None else archive.enclosing("Manually_Annotated_Images")
        for row in _rows_2017(archive.read(member), f"{archive.name}/{member}"):
            file = row["subDirectory_filePath"]
            with row_complaints(f"{archive.name}/{member}", file):
                code = int(row["expression"])
                if code in (UNCERTAIN, NO_FACE):
                    dropped["uncertain" if code == UNCERTAIN else "no_face"] += 1
                    continue
                votes, va = _labels(code, row["valence"], row["arousal"])
                path = f"{images}Manually_Annotated_Images/{file}"
                samples.append(Sample(archive.name, path, split, votes=votes, va=va))
    return samples, dropped


def _rows_2017(content: bytes, name: str) -> Iterable[Mapping[str, str]]:
    """Rows, also of a file whose header was left out: then its first field is a path, not a name."""
    first = next(csv.reader(io.StringIO(decode(content, name))), [])
    if first and first[0] not in COLUMNS and len(first) == len(COLUMNS):
        content = ",".join(COLUMNS).encode() + b"\n" + content.removeprefix(b"\xef\xbb\xbf")
    return read_table(content, name, ["subDirectory_filePath", "expression", "valence", "arousal"])


def _read_2021(archive: Archive) -> Read:
    samples = []
    names = set(archive.names())
    for part, split in _SPLITS_2021.items():
        base = f"{archive.enclosing(f'{part}/annotations')}{part}/"
        for exp in (n for n in archive.names("_exp.npy") if n.startswith(f"{base}annotations/")):
            stem = exp.removesuffix("_exp.npy")
            missing = [f"{stem}_{kind}.npy" for kind in ("val", "aro") if f"{stem}_{kind}.npy" not in names]
            if missing:
                raise DataError(f"{archive.name}: {missing[0]} is missing beside {exp}; unpack the data set anew")
            with row_complaints(archive.name, exp):
                code, valence, arousal = (_scalar(archive.read(f"{stem}_{kind}.npy")) for kind in ("exp", "val", "aro"))
                votes, va = _labels(int(float(code)), valence, arousal)
            path = f"{base}images/{PurePosixPath(stem).name}.jpg"
            samples.append(Sample(archive.name, path, split, votes=votes, va=va))
    return samples, {}


def _scalar(content: bytes) -> str:
    return str(np.load(io.BytesIO(content), allow_pickle=False).item())


def _labels(code: int, valence: str, arousal: str) -> tuple[Floats, Floats]:
    """Votes (E,) and valence-arousal (2,), NaN where the data set has none."""
    if code == NONE:
        votes = np.full(len(CODES), np.nan, np.float32)
    elif 0 <= code < len(CODES):
        votes = one_hot(CODES[code])
    else:
        raise ValueError(f"expression code {code} is not within 0..{NO_FACE}")
    pair = (float(valence), float(arousal))
    if NO_VA in pair:
        return votes, np.full(2, np.nan, np.float32)
    return votes, np.array([number_within(str(v), -1, 1) for v in pair], np.float32)
