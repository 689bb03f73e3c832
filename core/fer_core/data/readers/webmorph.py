"""The Face Research Lab London set, as packed in ``webmorph.zip``: 102 people, each neutral and smiling, in colour.

Posed on request and not rated, so the classes are those of the request and there is no valence-arousal. The set is
used for testing only: how far from the origin a neutral face plots, and whether smiles are recognised as such.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read
from fer_core.data.sample import Sample, one_hot
from fer_core.data.tables import read_table
from fer_core.labels import Expression

NAME = "webmorph"
LABELS = "london_info.csv"
FOLDERS = {"neutral_front": Expression.NEUTRAL, "smiling_front": Expression.HAPPINESS}


def read_webmorph(archive: Archive) -> Read:
    """Samples of split ``test`` with the person's number as subject; images of people not in the table are dropped.

    Raises:
        DataError: when the table or all photographs are missing.
    """
    table = read_table(archive.read(LABELS), f"{NAME}/{LABELS}", ["face_id"])
    people = {row["face_id"] for row in table}
    samples, dropped = [], {"person_not_in_table": 0}
    for path in archive.names(".jpg"):
        folder, subject = PurePosixPath(path).parent.name, PurePosixPath(path).stem.split("_")[0]
        if folder not in FOLDERS:
            continue  # the other sets of the archive
        if subject not in people:
            dropped["person_not_in_table"] += 1
            continue
        samples.append(Sample(NAME, path, "test", subject=subject, votes=one_hot(FOLDERS[folder])))
    if not samples:
        raise DataError(f"{NAME}: no photographs in {' or '.join(FOLDERS)}; unpack the data set anew")
    return samples, dropped
