"""Which files an input becomes.

The name is that of the input without its suffix (a folder keeps its whole name). Inputs that would share a name are
told apart by what differs, the same in every run with the same inputs: all of them get the name of their folder in
front (``monday_clip``), where that is not enough their suffix behind (``monday_clip_mp4``), and at last eight digits
of a hash of their path.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_core.media.source import ANNOTATED_SUFFIX
from fer_core.record.sidecar import sidecar_path


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of one input."""

    recording: Path
    """``<name>.csv``, or with the suffix of the layout."""
    video: Path

    @property
    def sidecar(self) -> Path:
        """``<name>.json``."""
        return sidecar_path(self.recording)

    def written(self, with_video: bool) -> tuple[Path, ...]:
        """The files that a run writes."""
        return (self.recording, self.sidecar, self.video) if with_video else (self.recording, self.sidecar)


def plan_outputs(inputs: Sequence[Path], out_dir: Path, suffix: str) -> list[Outputs]:
    """One set of files an input, in order; no two share a name, also where upper and lower case are the same.

    Args:
        inputs: as :func:`fer_core.media.source.expand_inputs` gives them.
        out_dir: folder for all of them.
        suffix: of the recording, with its dot.
    """
    # Not resolve: a symbolic link is called by its own name.
    names = [_Name(Path(os.path.abspath(path))) for path in inputs]  # noqa: PTH100
    level = [0] * len(names)
    while True:
        chosen = [_FORMS[at](name) for at, name in zip(level, names, strict=True)]
        count = Counter(text.casefold() for text in chosen)
        shared = [i for i, text in enumerate(chosen) if count[text.casefold()] > 1 and level[i] + 1 < len(_FORMS)]
        if not shared:
            break
        for i in shared:
            level[i] += 1
    # Not with_suffix: a dot inside the name is part of it.
    return [Outputs(out_dir / f"{name}{suffix}", out_dir / f"{name}{ANNOTATED_SUFFIX}") for name in chosen]


class _Name:
    def __init__(self, path: Path) -> None:
        folder = os.path.isdir(path)
        self.stem = path.name if folder else path.stem
        self.in_folder = f"{path.parent.name}_{self.stem}"
        self.with_kind = self.in_folder if folder else f"{self.in_folder}_{path.suffix[1:]}"
        self.hashed = f"{self.with_kind}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


_FORMS: tuple[Callable[[_Name], str], ...] = (
    lambda name: name.stem,
    lambda name: name.in_folder,
    lambda name: name.with_kind,
    lambda name: name.hashed,
)
