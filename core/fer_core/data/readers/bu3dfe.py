"""BU-3DFE (Yin et al. 2006): 100 people, six posed expressions at four intensities, and neutral, as scans and images.

Layout: a folder a person, ``F0001/`` ... ``M0044/``, with ``F0001_AN01WH_F2D.bmp``: sex and number of the person; AN,
DI, FE, HA, NE, SA or SU; intensity 01 to 04 (00 for neutral); ethnic group; ``F2D`` for the frontal texture image. The
scans (``.wrl``) and side views are not read. There is no official split: by person.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import LETTER_CODES, Read, split_by_subject
from fer_core.data.sample import Sample, one_hot

NAME = "bu3dfe"
_FILE = re.compile(r"(?P<person>[FM]\d{4})_(?P<code>AN|DI|FE|HA|NE|SA|SU)(?P<level>0[0-4])[A-Z]{2}_F2D\.bmp")


def read_bu3dfe(archive: Archive) -> Read:
    """Samples with one expression each, at every intensity.

    Raises:
        DataError: when no frontal texture image is there.
    """
    samples = []
    for path in archive.names("_F2D.bmp"):
        found = _FILE.fullmatch(PurePosixPath(path).name)
        if found:
            votes = one_hot(LETTER_CODES[found["code"]])
            samples.append(Sample(archive.name, path, "train", subject=found["person"], votes=votes))
    if not samples:
        raise DataError(f"{archive.name}: no image such as F0001/F0001_AN01WH_F2D.bmp is there; unpack the data set")
    return split_by_subject(samples), {}
