"""Aligned shards: one compact file a data set, readable on any machine with numpy and OpenCV alone.

A shard is an ``.npz`` with the crops as JPEG (quality 95, one channel for grey data sets), the labels as arrays with
NaN for what is missing, and the crop geometry. See :class:`Shard` for names and shapes.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.data.archive import DataError
from fer_core.data.sample import Sample
from fer_core.faces.align import CropGeometry
from fer_core.files import replacing
from fer_core.types import Floats, ImageU8

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Shard:
    """A data set after alignment, N images."""

    dataset: str
    geometry: CropGeometry
    jpegs: list[bytes]
    path: npt.NDArray[np.str_]
    """(N,) place in the data set's archive."""
    split: npt.NDArray[np.str_]
    subject: npt.NDArray[np.str_]
    landmark_source: npt.NDArray[np.str_]
    """(N,) values of :class:`fer_core.faces.still.LandmarkSource`."""
    votes: Floats
    """(N, E) proportions or NaN."""
    va: Floats
    """(N, 2) or NaN."""
    au: Floats
    """(N, A) or NaN."""
    au_weight: Floats
    """(N,)"""
    sequence: npt.NDArray[np.str_]
    """(N,) video or clip that the image is a frame of; "" for a photograph."""
    frame: npt.NDArray[np.int64]
    """(N,) place in the sequence; -1 for a photograph."""
    state: npt.NDArray[np.str_]
    """(N,) of the image when it was aligned, see :meth:`fer_core.data.archive.Archive.state`; "" in older shards."""

    def __len__(self) -> int:
        return len(self.jpegs)

    def image(self, index: int) -> ImageU8:
        """Crop (S, S, 3) RGB."""
        decoded = cv2.imdecode(np.frombuffer(self.jpegs[index], np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(decoded[:, :, ::-1])

    def select(self, rows: npt.NDArray[np.intp]) -> Shard:
        """The images of some rows (M,)."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen: dict[str, Any] = {
            name: column[rows] for name, column in columns.items() if isinstance(column, np.ndarray)
        }
        return replace(self, jpegs=[self.jpegs[row] for row in rows], **chosen)

    def save(self, path: Path) -> None:
        """Writes the shard; a file of that name is replaced only once the new one is whole."""
        offsets = np.cumsum([0, *(len(j) for j in self.jpegs)])
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                dataset=np.array(self.dataset),
                geometry=np.array(json.dumps(self.geometry.to_dict())),
                jpeg=np.frombuffer(b"".join(self.jpegs), np.uint8),
                offsets=offsets,
                path=self.path,
                split=self.split,
                subject=self.subject,
                landmark_source=self.landmark_source,
                votes=self.votes,
                va=self.va,
                au=self.au,
                au_weight=self.au_weight,
                sequence=self.sequence,
                frame=self.frame,
                state=self.state,
            )

    @classmethod
    def load(cls, path: Path) -> Shard:
        """Reads a shard.

        Raises:
            DataError: when the file is missing or no shard.
        """
        try:
            with path.open("rb") as file, np.load(file) as stored:
                blob, offsets = stored["jpeg"].tobytes(), stored["offsets"]
                jpegs = [blob[a:b] for a, b in pairwise(offsets)]
                geometry = CropGeometry.from_dict(json.loads(str(stored["geometry"])))
                names = ("path", "split", "subject", "landmark_source", "votes", "va", "au", "au_weight")
                columns = {n: stored[n] for n in names}
                if "sequence" in stored:
                    columns |= {n: stored[n] for n in ("sequence", "frame")}
                else:  # older shards say it in the path alone
                    columns["sequence"], columns["frame"] = _places(map(frame_of_path, columns["path"].tolist()))
                columns["state"] = stored["state"] if "state" in stored else np.full(len(jpegs), "")
                return cls(str(stored["dataset"]), geometry, jpegs, **columns)
        except FileNotFoundError:
            raise DataError(f"{path} does not exist; make it with: fer-core prepare") from None
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is no shard of this version ({error}); make it with: fer-core prepare") from None


def drawn_training_faces(shards: Sequence[Shard], count: int) -> list[ImageU8]:
    """Crops (S, S, 3) of the training split of the largest shard, ``count`` at most, always the same.

    What statistics of activations are measured on.

    Raises:
        DataError: when there are none.
    """
    shard = max(shards, key=len, default=None)
    rows = np.flatnonzero(shard.split == "train") if shard else np.array([], int)
    if shard is None or not len(rows):
        raise DataError("no training faces in the prepared data; prepare a data set that has some")
    return [shard.image(int(row)) for row in np.random.default_rng(0).permutation(rows)[:count]]


def frame_of_path(path: str) -> tuple[str, int]:
    """Video and number of a path such as ``clip.mp4#12`` (:meth:`fer_core.data.archive.Archive.image`); else "", -1."""
    video, _, number = path.rpartition("#")
    return (video, int(number)) if video and number.isdecimal() else ("", -1)


def _places(places: Iterable[tuple[str, int]]) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]:
    sequences, frames = zip(*places, strict=True)
    return np.array(sequences), np.array(frames, np.int64)


def encode_crop(crop_rgb_u8: ImageU8) -> bytes:
    """JPEG of a crop, with one channel when all three are equal."""
    grey = np.array_equal(crop_rgb_u8[..., 0], crop_rgb_u8[..., 1]) and np.array_equal(
        crop_rgb_u8[..., 1], crop_rgb_u8[..., 2]
    )
    plane = crop_rgb_u8[..., 0] if grey else crop_rgb_u8[..., ::-1]
    ok, encoded = cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise RuntimeError("OpenCV could not encode a crop as JPEG")
    return encoded.tobytes()


def build_shard(
    dataset: str,
    geometry: CropGeometry,
    samples: Sequence[Sample],
    jpegs: list[bytes],
    sources: Sequence[str],
    states: Sequence[str] = (),
) -> Shard:
    """Puts samples and their crops together; without ``states``, preparing again aligns all of them again."""
    sequence, frame = _places((s.sequence, s.frame) if s.sequence else frame_of_path(s.path) for s in samples)
    return Shard(
        dataset=dataset,
        geometry=geometry,
        jpegs=jpegs,
        path=np.array([s.path for s in samples]),
        split=np.array([s.split for s in samples]),
        subject=np.array([s.subject for s in samples]),
        landmark_source=np.array(sources),
        votes=np.stack([s.votes for s in samples]),
        va=np.stack([s.va for s in samples]),
        au=np.stack([s.au for s in samples]),
        au_weight=np.array([s.au_weight for s in samples], np.float32),
        sequence=sequence,
        frame=frame,
        state=np.array(states or [""] * len(samples)),
    )
