"""JAFFE (Lyons, Akamatsu, Kamachi & Gyoba 1998): ten Japanese women, seven posed expressions, 213 grey images.

Layout: one folder of images such as ``KA.AN1.39.tiff``: person; AN, DI, FE, HA, NE, SA or SU and which pose of it;
number of the image. There is no official split: by person.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import LETTER_CODES, Read, split_by_subject
from fer_core.data.sample import Sample, one_hot

NAME = "jaffe"
_FILE = re.compile(r"(?P<person>[A-Z]{2})\.(?P<code>AN|DI|FE|HA|NE|SA|SU)\d\.\d+\.tiff")


def read_jaffe(archive: Archive) -> Read:
    """Samples with the posed expression.

    Raises:
        DataError: when no image with such a name is there.
    """
    samples = []
    for path in archive.names(".tiff"):
        found = _FILE.fullmatch(PurePosixPath(path).name)
        if found:
            votes = one_hot(LETTER_CODES[found["code"]])
            samples.append(Sample(archive.name, path, "train", subject=found["person"], votes=votes))
    if not samples:
        raise DataError(f"{archive.name}: no image such as KA.AN1.39.tiff is there; unpack the data set")
    return split_by_subject(samples), {}
