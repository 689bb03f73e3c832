"""What a recording looks like as text: the native columns, or those of another tool (``--layout``).

A layout writes what the program measures and leaves the rest empty; ``empty_columns`` and ``notes`` go into the JSON
sidecar so that a reader knows which is which. One file a tool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from fer_core.record.layout_facereader import FaceReaderLayout
from fer_core.record.layout_native import NativeLayout
from fer_core.record.layout_openface import OpenFaceLayout
from fer_core.record.layout_pyfeat import PyFeatLayout
from fer_core.types import FrameResult, MediaInfo


class Layout(Protocol):
    """Columns and rows of one kind of file. Stateless: one object serves any number of files."""

    @property
    def name(self) -> str:
        """As in ``--layout``."""

    @property
    def suffix(self) -> str:
        """Of the file name: ``.csv`` or ``.txt``."""

    @property
    def delimiter(self) -> str:
        """Between cells."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""

    @property
    def empty_columns(self) -> tuple[str, ...]:
        """Columns that are empty by design."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the numbers rightly, one sentence each."""

    def header_lines(self, info: MediaInfo) -> list[list[str]]:
        """Cells of the lines before the first row; the last line is ``columns``. Equal for equal ``info``."""

    def rows(self, frame: FrameResult, info: MediaInfo) -> list[list[str]]:
        """Cells of all rows of one frame: at least one row, each as long as ``columns``."""

    def frame_key(self, cells: Sequence[str]) -> str:
        """Text that the rows of one frame share: its number, or its time."""

    def continues(self, rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        """Whether a row is of the same frame as ``rows``, all that came before it of one frame."""

    def frame_index(self, key: str, frames_before: int) -> int:
        """0-based index of the frame with this key when ``frames_before`` frames are written before it.

        Raises:
            ValueError: when the key is not of this layout.
        """

    def time_s(self, cells: Sequence[str]) -> float | None:
        """Presentation time of a row; None where the layout does not keep it.

        Raises:
            ValueError: when the cell is not of this layout.
        """


_MAKERS: dict[str, Callable[[tuple[str, ...], tuple[int, ...], bool], Layout]] = {
    "native": NativeLayout,
    "openface": OpenFaceLayout,
    "pyfeat": PyFeatLayout,
    "facereader": FaceReaderLayout,
}
LAYOUT_NAMES: tuple[str, ...] = tuple(_MAKERS)


def make_layout(
    name: str, expressions: Sequence[str], au_units: Sequence[int], *, with_baseline: bool = False
) -> Layout:
    """The layout called ``name`` for a model's labels.

    Other tools have no columns for values corrected by a baseline: they get the raw ones, and a note says so.

    Raises:
        ValueError: when there is no layout of that name.
    """
    if name not in _MAKERS:
        raise ValueError(f"there is no layout {name!r}; choose one of {', '.join(LAYOUT_NAMES)}")
    return _MAKERS[name](tuple(expressions), tuple(au_units), with_baseline)
