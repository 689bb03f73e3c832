"""The left side: a page to begin with, then the photograph, and below it how fitting goes and what is to be said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from fer_studio.notices import NoticeBar
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.photo_view import PhotoView
from fer_studio.synthesis.photograph import Photograph
from fer_studio.synthesis.progress_row import ProgressRow
from fer_studio.synthesis.start_page import StartPage

_MARGIN_PX = 12


class PhotoPane(QWidget):
    """Shows whatever there is of a photograph.

    Args:
        sources: the ways to get one.
        last: the file that was used last.
        parent: as usual.
    """

    def __init__(self, sources: Sequence[QAction], last: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.start = StartPage(sources, last)
        self.view = PhotoView()
        self.progress = ProgressRow()
        self.notice = NoticeBar("message of the synthesis")
        framed = QWidget()
        around = QVBoxLayout(framed)
        around.setContentsMargins(_MARGIN_PX, 0, _MARGIN_PX, _MARGIN_PX)
        around.addWidget(self.start)
        self._stack = QStackedWidget()
        self._stack.addWidget(framed)
        self._stack.addWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack, 1)
        column.addWidget(self.progress)
        column.addWidget(self.notice)

    def show_start(self) -> None:
        """There is no photograph."""
        self.view.show_plain(None)
        self._stack.setCurrentIndex(0)

    def show_read(self, photograph: Photograph) -> None:
        """There is one, and its face is not fitted yet."""
        self.view.show_plain(photograph.image_rgb_u8)
        self._show_view()

    def show_photo(self, photo: FittedPhoto) -> None:
        """Its face is fitted."""
        self.view.show_photo(photo)
        self._show_view()
        if photo.notes:
            self.notice.say("\n".join(photo.notes))

    def refuse(self, what: str, remedy: str) -> None:
        """The photograph, if it could be read at all, cannot be used."""
        self._show_view()
        self.view.message(what, remedy)

    def _show_view(self) -> None:
        self.view.clear_message()
        self._stack.setCurrentWidget(self.view)
