"""FER2013 (Goodfellow et al. 2013): 35,887 grey faces of 48x48 px from the web, seven expressions.

Three layouts are read, whichever is there:

- ``fer2013.csv``: columns ``emotion``, ``pixels`` (2304 values 0..255), ``Usage`` (Training, PublicTest, PrivateTest);
- ``icml_face_data.csv``: the same, as the challenge published it later, with blanks in the header;
- folders ``train/<expression>/`` and ``test/<expression>/`` (angry, disgust, fear, happy, neutral, sad, surprise), the
  two test sets in one.

Codes: 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral. PublicTest is the validation split. The set
holds exact duplicates across its splits; training images that are also in another split are dropped.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import IMAGE_SUFFIXES, Read, digest, expression_named, without_leaks
from fer_core.data.sample import Sample, one_hot
from fer_core.data.tables import iterate_table, row_complaints

NAME = "fer2013"
TABLES = ("fer2013.csv", "icml_face_data.csv")
CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
USAGES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}


def read_fer2013(archive: Archive) -> Read:
    """Samples with one expression each.

    Raises:
        DataError: when neither a table nor the folders are there, or a row cannot be read.
    """
    tables = [n for n in archive.names(".csv") if PurePosixPath(n).name in TABLES]
    if tables:
        return _from_table(archive, tables[0])
    return _from_folders(archive)


def _from_table(archive: Archive, member: str) -> Read:
    samples, digests = [], []
    name = f"{archive.name}/{member}"
    for index, row in enumerate(iterate_table(archive.read(member), name, ["emotion", "pixels", "Usage"])):
        with row_complaints(name, f"image {index}"):
            split = USAGES[row["Usage"].strip()]
            votes = one_hot(CODES[int(row["emotion"])])
        samples.append(Sample(archive.name, f"{member}#{index}", split, votes=votes))
        digests.append(digest(row["pixels"].strip().encode()))
    dropped: dict[str, int] = {}
    return without_leaks(samples, digests, dropped), dropped


def _from_folders(archive: Archive) -> Read:
    samples, digests = [], []
    for path in archive.names():
        parts = PurePosixPath(path).parts
        if len(parts) < 3 or parts[-3] not in ("train", "test") or not path.lower().endswith(IMAGE_SUFFIXES):
            continue
        with row_complaints(archive.name, path):
            votes = one_hot(expression_named(parts[-2]))
        samples.append(Sample(archive.name, path, parts[-3], votes=votes))
        digests.append(digest(archive.read(path)))
    if not samples:
        raise DataError(
            f"{archive.name}: neither {' nor '.join(TABLES)} nor images in train/<expression>/ and test/<expression>/ "
            "are there; unpack the challenge's archive"
        )
    dropped: dict[str, int] = {}
    return without_leaks(samples, digests, dropped), dropped
