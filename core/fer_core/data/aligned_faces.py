"""Labelled faces straight from the research archives, aligned as the program aligns them.

Training reads JPEG crops (:mod:`fer_core.data.shards`); figures are measured on what the program itself would see, so
here the crops are made from the raw images and never compressed. They are made in order and on demand, in several
processes, and none is kept: the memory needed does not depend on the size of the data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.data.archive import DataError
from fer_core.data.crops import aligned_crops
from fer_core.data.prepare import read_labelled
from fer_core.data.readers.diffusionfer import NAME as DIFFUSIONFER
from fer_core.data.readers.ferplus import NAME as FERPLUS
from fer_core.data.readers.registry import find_dataset
from fer_core.data.sample import Sample
from fer_core.faces.align import CropGeometry
from fer_core.types import Floats, ImageU8


@dataclass(frozen=True, slots=True)
class AlignedFaces:
    """The faces of one split; what :func:`fer_core.evaluate.evaluate.predict_shard` reads. N faces."""

    dataset: str
    path: npt.NDArray[np.str_]
    subject: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    votes: Floats
    """(N, E)"""
    va: Floats
    """(N, 2)"""
    au: Floats
    """(N, A)"""
    au_weight: Floats
    """(N,)"""
    crops: Iterator[tuple[ImageU8, str]]
    """Crop (S, S, 3) RGB and landmark source of each face, in order."""
    landmarks: Counter[str] = field(default_factory=Counter)
    """How many faces so far were found in which way (:class:`fer_core.faces.still.LandmarkSource`)."""

    def image(self, index: int) -> ImageU8:
        """Crop (S, S, 3) RGB; indices must rise one by one from 0.

        Raises:
            ValueError: when they do not.
        """
        if index != self.landmarks.total():
            raise ValueError(f"faces are made in order: {self.landmarks.total()} is next, not {index}")
        crop, source = next(self.crops)
        self.landmarks[source] += 1
        return crop


def read_samples(root: Path, dataset: str, split: str) -> list[Sample]:
    """Samples of one split with the labels that people gave.

    The valence-arousal of FER+ rests on other data sets too, which must then lie in ``root``.

    Args:
        root: folder of the archives.
        dataset: name of the registry (:mod:`fer_core.data.readers.registry`).
        split: ``train``, ``valid`` or ``test``.

    Raises:
        DataError: when the data set is unknown, or a file, a column or the split is missing.
    """
    if dataset == FERPLUS:
        samples = read_labelled(root, datasets=(FERPLUS, DIFFUSIONFER), weak_au=False)[0][FERPLUS]
    else:
        samples, _ = find_dataset(dataset).samples(root)
    chosen = [s for s in samples if s.split == split]
    if not chosen:
        known = ", ".join(sorted({s.split for s in samples}))
        raise DataError(f"{dataset} has no split {split!r}; choose --split {known}")
    return chosen


@contextmanager
def aligned_faces(
    root: Path, archive: str, samples: Sequence[Sample], geometry: CropGeometry, processes: int
) -> Iterator[AlignedFaces]:
    """The faces of samples of one data set; the processes that align them end with the context.

    Args:
        root: folder of the archives.
        archive: that holds them (:attr:`fer_core.data.readers.registry.DatasetInfo.archive`).
        samples: at least one.
        geometry: of the model.
        processes: with 1, the work is done in this process.
    """
    dataset, paths = samples[0].dataset, [s.path for s in samples]
    with aligned_crops(root, archive, paths, geometry, processes) as crops:
        yield AlignedFaces(
            dataset=dataset,
            path=np.array(paths),
            subject=np.array([s.subject for s in samples]),
            split=np.array([s.split for s in samples]),
            votes=np.stack([s.votes for s in samples]),
            va=np.stack([s.va for s in samples]),
            au=np.stack([s.au for s in samples]),
            au_weight=np.array([s.au_weight for s in samples], np.float32),
            crops=crops,
        )
