"""Where the results of an input go, and whether they are there already. No Qt.

Results never replace those of another run: where ``clip.csv`` was measured from another file, or with another model or
other options, the next go to ``clip-2.csv``. What was measured from the same file (by its hash) in the same way is
found again, and is loaded instead of measured.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from fer_core import __version__
from fer_core.infer.engine import Engine, file_sha256
from fer_core.media.images import IMAGE_SUFFIXES, list_files
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.sidecar import RunRecord, hash_input, read_sidecar
from fer_studio.files.job import NATIVE
from fer_studio.options import AnnotateOptions
from fer_studio.outputs import VIDEO_SUFFIX, Outputs, plan_outputs

#: Folder beside the media for results, unless another one is chosen.
FOLDER_NAME = "fer-studio"


def results_folder(path: Path, chosen: Path | None) -> Path:
    """The folder that was chosen, else ``fer-studio`` beside the input."""
    return chosen if chosen is not None else path.absolute().parent / FOLDER_NAME


def place_outputs(path: Path, options: AnnotateOptions, engine: Engine) -> Outputs:
    """The first set of names that is free, or that holds a run like this one over the same input.

    Raises:
        RecordError: the input cannot be read.
        MediaError: a folder cannot be listed.
    """
    suffix = make_layout(options.layout, engine.card.expressions, engine.card.action_units).suffix
    (plan,) = plan_outputs([path], options.out_dir, suffix)
    stem = plan.recording.name.removesuffix(suffix)
    stem = stem if options.layout == NATIVE else f"{stem}.{options.layout}"
    run: _Run | None = None
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        outputs = Outputs(options.out_dir / f"{name}{suffix}", options.out_dir / f"{name}{VIDEO_SUFFIX}")
        if not any(target.exists() for target in outputs.written(with_video=True)):
            return outputs
        run = run or _Run(path, options, engine)
        if outputs.recording.exists() and run.is_in(outputs.sidecar):
            return outputs
    raise AssertionError("unreachable: count does not end")


class _Run:
    """What makes one run the same as another; the same that ``--resume`` asks for."""

    def __init__(self, path: Path, options: AnnotateOptions, engine: Engine) -> None:
        self._path = path
        self._options = options
        self._engine = engine
        self._model_sha256 = file_sha256(engine.path)
        self._input_sha256: str | None = None

    def is_in(self, sidecar: Path) -> bool:
        try:
            before = read_sidecar(sidecar)
        except RecordError:
            return False
        return self._is_alike(before) and before.input_sha256 == self._hash()

    def _is_alike(self, before: RunRecord) -> bool:
        options = self._options
        return (
            (before.program_version, before.model_sha256) == (__version__, self._model_sha256)
            and (before.layout, before.provider) == (options.layout, self._engine.provider)
            and all(
                before.options.get(name) == value
                for name, value in (
                    ("max_faces", options.max_faces),
                    ("smooth_s", options.smooth_s),
                    ("baseline", options.baseline),
                )
            )
        )

    def _hash(self) -> str:
        if self._input_sha256 is None:
            files = list_files(self._path, IMAGE_SUFFIXES) if self._path.is_dir() else []
            self._input_sha256 = hash_input(self._path, files)
        return self._input_sha256
