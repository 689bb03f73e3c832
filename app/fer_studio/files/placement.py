"""Where the results of an input go, and whether they are there already. No Qt.

Results never replace those of another run: where ``clip.csv`` was measured from another file, or with another model or
other options, the next go to ``clip-2.csv``. What was measured from the same file (by its hash) in the same way is
found again, and is loaded instead of measured.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path

from fer_core.media.source import ANNOTATED_SUFFIX
from fer_core.record.errors import RecordError
from fer_core.record.sidecar import RunRecord, read_sidecar
from fer_studio.file_run import FileAnnotator, differences
from fer_studio.files.job import NATIVE
from fer_studio.outputs import Outputs, plan_outputs

#: Folder beside the media for results, unless another one is chosen.
FOLDER_NAME = "fer-studio"


def results_folder(path: Path, chosen: Path | None) -> Path:
    """The folder that was chosen, else ``fer-studio`` beside the input."""
    return chosen if chosen is not None else path.absolute().parent / FOLDER_NAME


class Reservations:
    """Gives every input names of its own, also to those that are begun at the same moment. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[Path] = set()

    @contextlib.contextmanager
    def place(self, path: Path, annotator: FileAnnotator) -> Iterator[Outputs]:
        """Names as :func:`place_outputs` gives them; nobody else gets them inside.

        Raises:
            RecordError: the input cannot be read.
            MediaError: a folder cannot be listed.
        """
        with self._lock:
            outputs = place_outputs(path, annotator, self._taken)
            self._taken.add(outputs.recording)
        try:
            yield outputs
        finally:
            with self._lock:
                self._taken.discard(outputs.recording)


def place_outputs(path: Path, annotator: FileAnnotator, taken: Collection[Path] = ()) -> Outputs:
    """The first set of names that is free, or that holds a run like this one over the same input.

    Args:
        path: the input.
        annotator: will measure it.
        taken: recordings that are not free, although they may not be on the disk yet.

    Raises:
        RecordError: the input cannot be read.
        MediaError: a folder cannot be listed.
    """
    folder, suffix = annotator.options.out_dir, annotator.layout.suffix
    (plan,) = plan_outputs([path], folder, suffix)
    stem = plan.recording.name.removesuffix(suffix)
    stem = stem if annotator.layout.name == NATIVE else f"{stem}.{annotator.layout.name}"
    now: RunRecord | None = None
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        outputs = Outputs(folder / f"{name}{suffix}", folder / f"{name}{ANNOTATED_SUFFIX}")
        if outputs.recording in taken:
            continue
        if not any(os.path.lexists(target) for target in outputs.written(with_video=True)):
            return outputs
        now = now or annotator.record(path)  # it hashes the input
        if os.path.exists(outputs.recording) and _is_of(outputs.sidecar, now):
            return outputs
    raise AssertionError("unreachable: count does not end")


def _is_of(sidecar: Path, run: RunRecord) -> bool:
    try:
        return not differences(read_sidecar(sidecar), run)
    except RecordError:
        return False
