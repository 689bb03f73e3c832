"""Aligned crops of the images of an archive, in order and on demand, on several processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fer_core.data.alignment import AlignedFaceFinder
from fer_core.data.archive import Archive
from fer_core.faces.align import CropGeometry
from fer_core.types import ImageU8

_CHUNK = 16
#: Images given to the processes at a time: finished crops wait for the reader, and must not pile up.
_PORTION = 512
_worker: dict[str, tuple[Archive, AlignedFaceFinder]] = {}


@contextmanager
def aligned_crops(
    root: Path, dataset: str, paths: Sequence[str], geometry: CropGeometry, processes: int
) -> Iterator[Iterator[tuple[ImageU8, str]]]:
    """Crop (S, S, 3) RGB and landmark source of every image; the processes end with the context.

    Args:
        root: folder of the archives.
        dataset: which archive.
        paths: inside it.
        geometry: size and template of the crops.
        processes: with 1, the work is done in this process.

    Raises:
        DataError: when the archive cannot be opened, or an image cannot be read.
    """
    if processes == 1:
        archive, finder = Archive(root, dataset), AlignedFaceFinder(geometry)
        try:
            yield (_find(archive, finder, path) for path in paths)
        finally:
            finder.close()
        return
    Archive(root, dataset)  # what is wrong with it is told here: a pool would begin its processes again and again
    # Processes are spawned, not forked: a fork would copy MediaPipe's threads in an unusable state.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start, (root, dataset, geometry)) as pool:
        portions = (paths[start : start + _PORTION] for start in range(0, len(paths), _PORTION))
        yield (found for portion in portions for found in pool.imap(_crop, portion, chunksize=_CHUNK))


def _start(root: Path, dataset: str, geometry: CropGeometry) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent answers it
    _worker["tools"] = (Archive(root, dataset), AlignedFaceFinder(geometry))


def _crop(path: str) -> tuple[ImageU8, str]:
    return _find(*_worker["tools"], path)


def _find(archive: Archive, finder: AlignedFaceFinder, path: str) -> tuple[ImageU8, str]:
    return finder.find(archive.image(path))
