"""CK+ (Lucey et al. 2010) as one table: posed expressions with FACS codes, the onset and the peak of each sequence.

Layout: ``ckplus128_au_labels.csv`` with ``path``, ``subject``, ``emotion`` (a name of ours) and ``AU1`` ... (1, 0 or
empty). For the layout of the authors see :mod:`fer_core.data.readers.ckplus_official`.

The test subjects are a fixed list of this project (``splits/ckplus_test_subjects.txt``).
"""

from __future__ import annotations

import numpy as np

from fer_core.data.archive import Archive
from fer_core.data.readers.common import Read
from fer_core.data.sample import Sample, one_hot
from fer_core.data.splits import read_split
from fer_core.data.tables import read_table, row_complaints
from fer_core.labels import ACTION_UNITS

NAME = "ckplus128"
LABELS = "ckplus128_au_labels.csv"


def read_ckplus(archive: Archive) -> Read:
    """Samples with expression and action units; nothing is dropped."""
    columns = {unit: f"AU{unit}" for unit in ACTION_UNITS}
    table = read_table(archive.read(LABELS), f"{NAME}/{LABELS}", ["path", "subject", "emotion", *columns.values()])
    test_subjects = read_split("ckplus_test_subjects")
    samples = []
    for row in table:
        with row_complaints(f"{NAME}/{LABELS}", row["path"]):
            votes = one_hot(row["emotion"])
            au = np.array([float(row[c]) if row[c] else np.nan for c in columns.values()], np.float32)
        split = "test" if row["subject"] in test_subjects else "train"
        samples.append(Sample(NAME, row["path"], split, subject=row["subject"], votes=votes, au=au))
    return samples, {}
