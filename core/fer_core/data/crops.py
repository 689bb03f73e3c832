"""Aligned crops of many images, on several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer_core.data.archive import Archive
from fer_core.data.shards import encode_crop
from fer_core.faces.align import CropGeometry
from fer_core.faces.still import StillFaceFinder

_CHUNK = 32
_state: dict[str, Archive | StillFaceFinder] = {}


def crop_images(
    root: Path, dataset: str, paths: Sequence[str], geometry: CropGeometry, processes: int
) -> Iterator[tuple[bytes, str]]:
    """JPEG crop and landmark source of every image, in order."""
    # Processes are spawned, not forked: a fork would copy MediaPipe's threads in an unusable state.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start, (root, dataset, geometry)) as pool:
        yield from pool.imap(_crop, paths, chunksize=_CHUNK)


def _start(root: Path, dataset: str, geometry: CropGeometry) -> None:
    _state["archive"] = Archive(root, dataset)
    _state["finder"] = StillFaceFinder(geometry)


def _crop(path: str) -> tuple[bytes, str]:
    archive, finder = _state["archive"], _state["finder"]
    assert isinstance(archive, Archive)
    assert isinstance(finder, StillFaceFinder)
    face = finder.find(archive.image(path))
    return encode_crop(face.crop_rgb_u8), face.source.value
