"""Neutral photographs to labelled synthetic faces, photograph by photograph: ``fer-core synthesize``.

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), section 6.2:
each neutral photograph of a training set is given every target, and what was asked is the label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from fer_core import __version__
from fer_core.assets import asset_path
from fer_core.augment.affect3d import Blend, FaceFitter, FittedFace, Synthesiser, SynthesisError, fit_mesh
from fer_core.augment.affect3d.model import read_model
from fer_core.augment.synthesize_log import Existing, SynthesisLog
from fer_core.augment.synthesize_targets import LabelledTarget, target_names
from fer_core.data.shards import encode_crop
from fer_core.infer.engine import file_sha256
from fer_core.media.errors import MediaError
from fer_core.media.images import IMAGE_SUFFIXES, list_files, read_image
from fer_core.types import Floats

#: Side of the square around the face, in heights of the mesh: room for hair, chin and a face finder.
CUT_HEIGHTS = 2.0
#: In a smaller square, a face of usual shape has too few pixels to be moved.
LEAST_SIZE_PX = 192


@dataclass(slots=True)
class Synthesised:
    """What a run did."""

    images: int = 0
    """Written, those of an earlier run that this one continued not counted."""
    kept: int = 0
    """Of an earlier run."""
    photographs: int = 0
    """Used."""
    skipped: dict[Path, str] = field(default_factory=dict)
    """Photographs that were left out, and why."""


def find_photographs(places: Sequence[Path]) -> list[Path]:
    """The images that files and folders (without their subfolders) stand for, in natural order.

    Raises:
        MediaError: when a folder cannot be listed or holds no image.
    """
    found = []
    for place in places:
        inside = list_files(place, IMAGE_SUFFIXES) if place.is_dir() else [place]
        if not inside:
            raise MediaError(place, "is a folder without images", f"put images into it ({' '.join(IMAGE_SUFFIXES)})")
        found += inside
    return list(dict.fromkeys(found))


def synthesize(
    photographs: Sequence[Path],
    targets: Sequence[LabelledTarget],
    out: Path,
    *,
    size_px: int = 256,
    expressive: bool = False,
    existing: Existing = Existing.REFUSE,
    model: Path | None = None,
    on_skip: Callable[[Path, str], None] = lambda path, reason: None,
    on_photograph: Callable[[], None] = lambda: None,
) -> Synthesised:
    """Write every target on every photograph, with labels (:mod:`fer_core.augment.synthesize_log`).

    The face is cut out with some room around it, not enlarged. Grey photographs stay grey. All rows are of the split
    ``train``: synthetic faces are to be learned from; the photographs should be of people of the training split.

    Args:
        photographs: files; those that cannot be read or fitted are skipped.
        targets: what to show, each once.
        out: folder to write to.
        size_px: largest side of an image, at least ``LEAST_SIZE_PX``.
        expressive: use photographs too whose faces do not look neutral.
        existing: what to do with images that are in the folder.
        model: file of :mod:`fer_core.augment.affect3d.model`; the one that ships where None.
        on_skip: called with each photograph that is left out and the reason.
        on_photograph: called after each.

    Raises:
        ValueError: when photographs share a name, or the size is too small.
        DataError: as :class:`SynthesisLog`.
        SynthesisError: when no photograph could be used.
    """
    if size_px < LEAST_SIZE_PX:
        raise ValueError(
            f"a size of {size_px} pixels is too small for a face to be moved; take {LEAST_SIZE_PX} or more"
        )
    of_subjects = dict(zip(_subjects(photographs), photographs, strict=True))
    model = model or asset_path("synthesis", "synthesis.npz")
    named = target_names(targets)
    settings = {
        "version": __version__,
        "synthesis_sha256": file_sha256(model),
        "size_px": size_px,
        "targets": {name: asdict(target.target) for name, target in named.items()},
        "expressive": expressive,
    }
    done = Synthesised()
    with SynthesisLog(out, settings, of_subjects, existing) as log, closing(FaceFitter()) as fitter:
        done.kept = len(log.done)
        maker = _Maker(log, Synthesiser(read_model(model)), fitter, named, size_px, expressive)
        for subject, photograph in of_subjects.items():
            try:
                done.images += maker.make(photograph, subject)
                done.photographs += 1
            except (MediaError, SynthesisError) as error:
                reason = error.reason if isinstance(error, MediaError) else str(error)
                done.skipped[photograph] = reason
                on_skip(photograph, reason)
            on_photograph()
    if not done.photographs:
        raise SynthesisError(
            f"none of the {len(photographs)} photographs could be used; choose frontal ones of one neutral face each"
        )
    return done


def _subjects(photographs: Sequence[Path]) -> list[str]:
    """A name for each photograph; those in several folders get the folder's in front."""
    names = [path.stem for path in photographs]
    if len({name.casefold() for name in names}) < len(names):
        names = [f"{path.parent.name}_{path.stem}_{path.suffix[1:]}" for path in photographs]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise ValueError(f"several photographs are named {twice[0]}; rename them, or give them in runs of their own")
    return names


@dataclass(frozen=True, slots=True)
class _Maker:
    log: SynthesisLog
    synthesiser: Synthesiser
    fitter: FaceFitter
    targets: Mapping[str, LabelledTarget]
    """By name."""
    size_px: int
    expressive: bool

    def make(self, photograph: Path, subject: str) -> int:
        """Writes those targets of a photograph that are not there yet; returns how many."""
        paths = {f"images/{subject}/{name}.jpg": target for name, target in self.targets.items()}
        missing = {path: target for path, target in paths.items() if path not in self.log.done}
        if not missing:
            return 0
        fit = self.fitter.fit(read_image(photograph))
        if fit.warnings and not self.expressive:
            raise SynthesisError(" ".join(fit.warnings))
        fit = cut_out(fit, self.size_px)
        for path, target in missing.items():
            image = self.synthesiser.render(fit, target.target, Blend.POISSON)
            self.log.add(path, encode_crop(image), _labels(target, subject))
        return len(missing)


def _labels(target: LabelledTarget, subject: str) -> dict[str, str]:
    labels = {"expression": target.expression, "subject": subject, "split": "train"}
    if target.va is not None:
        labels["valence"], labels["arousal"] = (f"{value:g}" for value in target.va)
    return labels


def cut_out(fit: FittedFace, size_px: int) -> FittedFace:
    """The face with some room around it, not larger than ``size_px``, as a photograph of its own."""
    mesh = fit.landmarks_px
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    half = CUT_HEIGHTS / 2 * float((high - low).max())
    height, width = fit.photo_rgb_u8.shape[:2]
    corner = np.clip(np.floor((low + high) / 2 - half), 0, None).astype(int)
    end = np.minimum(np.ceil((low + high) / 2 + half), (width, height)).astype(int)
    cut = fit.photo_rgb_u8[corner[1] : end[1], corner[0] : end[0]]
    scale = min(1.0, size_px / max(cut.shape[:2]))
    moved: Floats = mesh.copy()
    moved[:, :2] -= corner
    if scale < 1:
        smaller = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
        cut = cv2.resize(cut, smaller, interpolation=cv2.INTER_AREA)
        moved *= scale
    return fit_mesh(np.ascontiguousarray(cut), moved)
