"""What a person asked ``annotate`` to do, checked and free of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: Words of the command line. Kept here as text, so that ``--help`` loads no library; a test compares them with the
#: lists of the core.
DEVICES = ("auto", "cuda", "directml", "coreml", "cpu")
LAYOUTS = ("native", "openface", "pyfeat", "facereader")

NO_BASELINE = "none"
AUTO_BASELINE = "auto"


class Existing(StrEnum):
    """What happens to results that are there already."""

    REFUSE = "refuse"
    RESUME = "resume"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateOptions:
    """Options of one run, the same for all its inputs. Can be sent to another process."""

    out_dir: Path = Path()
    layout: str = "native"
    max_faces: int = 4
    smooth_s: float = 0.0
    """Time constant of smoothing; 0 is off."""
    baseline: str = NO_BASELINE
    """``none``, ``auto``, or the path of a baseline file."""
    device: str = "auto"
    model: Path | None = None
    """None is the shipped one."""
    video: bool = False
    jobs: int = 1
    existing: Existing = Existing.REFUSE
    span_s: tuple[float, float] | None = None
    """First and last time whose rows are written; what comes before is measured too, so that they are the same rows."""
    excluded_s: tuple[tuple[float, float], ...] = ()
    """First and last times between which no rows are written; all frames are measured, and are in the video."""

    @property
    def is_partial(self) -> bool:
        """Whether frames are left out. Some layouts do not tell which frame a row is of: no such run is resumed."""
        return self.span_s is not None or bool(self.excluded_s)

    @property
    def baseline_file(self) -> Path | None:
        """The file that ``baseline`` names."""
        return None if self.baseline in (NO_BASELINE, AUTO_BASELINE) else Path(self.baseline)
