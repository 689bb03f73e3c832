"""The workspace Synthesis: a photograph on the left, what its face is asked to show on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fer_core.types import Floats, ImageU8
from fer_studio.review.elided_label import ElidedLabel
from fer_studio.synthesis.export_bar import Exportable, SynthesisExportBar
from fer_studio.synthesis.fit_runner import FitRunner
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.look_panel import LookPanel
from fer_studio.synthesis.pace import PaceLabel
from fer_studio.synthesis.photo_pane import PhotoPane
from fer_studio.synthesis.photograph import CAMERA_NAME, Photograph, built_in_portrait, photograph, read_photograph
from fer_studio.synthesis.player import SequencePlayer
from fer_studio.synthesis.remembered import Remembered
from fer_studio.synthesis.render_thread import Rendered
from fer_studio.synthesis.renderer import Renderer
from fer_studio.synthesis.source_actions import SourceActions
from fer_studio.synthesis.transport import SynthesisTransport
from fer_studio.workers.analysis import EngineFactory

if TYPE_CHECKING:
    from fer_core.augment.affect3d.sequence import AffectSequence

_LAYOUT = "layout/synthesis"
_PHOTO_SHARE, _PANEL_SHARE = 5, 3
_MARGIN_PX = 12
_COMPARE_KEY = Qt.Key.Key_C

GrabPicture = Callable[[], ImageU8 | None]


class SynthesisWorkspace(QWidget):
    """Connects its parts; each of them does one thing.

    Args:
        engine_factory: gives the network; called in a background thread.
        store: where the choices of this workspace are remembered.
        grab: the present picture of the live camera (H, W, 3), None when none runs.
        parent: as usual.
    """

    camera_wanted = Signal()
    """The person wants to start a camera."""

    def __init__(
        self, engine_factory: EngineFactory, store: QSettings, grab: GrabPicture, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._grab = grab
        self._remembered = Remembered(store)
        self._photo: FittedPhoto | None = None
        self._weights: Floats | None = None
        self._sequence: AffectSequence | None = None  # at full intensity
        self._frame_shown = False  # of the sequence, and not the wish
        self._shown = False
        self.runner = FitRunner(engine_factory, self)
        self.renderer = Renderer(self)
        self.player = SequencePlayer(self)
        self.player.loop = self._remembered.loop
        self.sources = SourceActions(self)
        self.pane = PhotoPane(self.sources.all(), self._remembered.photograph)
        self.view, self.progress, self.notice = self.pane.view, self.pane.progress, self.pane.notice
        self.panel = LookPanel(self._remembered)
        self.transport = SynthesisTransport(self._remembered)
        self.exports = SynthesisExportBar(self._exportable, self._remembered)
        self._lay_out()
        self._connect()
        self._show_state()

    @property
    def photo(self) -> FittedPhoto | None:
        """The photograph that is worked on."""
        return self._photo

    # --- photographs

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Fits the first of some files."""
        if not paths:
            return
        self._open(partial(read_photograph, paths[0]))
        if len(paths) > 1:
            self.notice.say(f"One photograph at a time: {paths[0].name} was taken.")

    @Slot()
    def open_portrait(self) -> None:
        """Fits the portrait that ships."""
        self._open(built_in_portrait)

    @Slot()
    def grab_camera(self) -> None:
        """Fits the present picture of the live view."""
        picture = self._grab()
        if picture is None:
            self.notice.say(
                "There is no camera picture: start a camera in Live, then come back and take it.", action="Go to Live"
            )
            return
        self._open(partial(photograph, CAMERA_NAME, picture.copy()))

    def shutdown(self) -> bool:
        """Ends all work, within two seconds; nothing half-written is left. False when a thread did not end."""
        self.player.stop()
        if self._shown:
            self._store.setValue(_LAYOUT, self._splitter.saveState())
        for stop in (self.exports.stop, self.runner.cancel, self.renderer.stop):
            stop()  # all are asked before any is waited for
        return all([self.exports.shutdown(), self.runner.shutdown(), self.renderer.shutdown()])

    def _open(self, read: Callable[[], Photograph]) -> None:
        self.notice.hide()
        self.runner.open(read)

    @Slot(object)
    def _on_last_wanted(self, path: Path) -> None:
        self.open_paths([path])

    @Slot()
    def _on_choose(self) -> None:
        from fer_core.media.source import IMAGE_SUFFIXES

        kinds = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES))
        last = self._remembered.photograph
        name, _ = QFileDialog.getOpenFileName(
            self, "Choose a photograph of a neutral face", str(last.parent) if last else "", f"Images ({kinds})"
        )
        if name:
            self.open_paths([Path(name)])

    @Slot(object)
    def _on_read(self, read: Photograph) -> None:
        """Seen while it is fitted, unless another one is being worked on."""
        if self._photo is None:
            self.pane.show_read(read)

    @Slot(object)
    def _on_fitted(self, photo: FittedPhoto) -> None:
        self.player.stop()
        self.progress.hide()
        self.renderer.forget()
        self._photo = photo
        self.pane.show_photo(photo)
        if photo.photograph.path is not None:
            self._remembered.remember(photograph=photo.photograph.path)
        self._on_moved()
        self._on_changed()
        self._show_state()

    @Slot(str, str)
    def _on_failed(self, what: str, remedy: str) -> None:
        self.progress.hide()
        if self._photo is not None:
            self.notice.say(f"{what} {remedy} The photograph before is kept.")
        else:
            self.pane.refuse(what, remedy)

    @Slot()
    def _on_cancelled(self) -> None:
        self.progress.hide()
        if self._photo is None:
            self.pane.show_start()

    @Slot(int)
    def _on_face_selected(self, face_id: int) -> None:
        if self._photo is not None:
            self.view.selected_face = self._photo.chosen
            self.runner.choose(self._photo, face_id)

    # --- what the face shows

    @Slot()
    def _on_moved(self) -> None:
        """The person asks for something else: shown at once."""
        self.player.stop()
        self._frame_shown = False
        self.panel.follow(None)
        if self._photo is not None:
            self._show(self.panel.asked.weights(self._photo.model))

    @Slot()
    def _on_changed(self) -> None:
        """The wish has come to rest: so has what playing would show. A frame that stands there makes room for it."""
        self._remembered.remember_path(self.panel.path)
        self._make_sequence()
        if self._frame_shown and not self.player.running:
            self._on_moved()

    @Slot()
    def _on_intensity(self) -> None:
        """What is shown, or plays, is shown weaker or stronger."""
        self._remembered.remember(intensity=self.panel.asked.intensity)
        if self._frame_shown:
            self._on_frame_due(self.player.index)
        else:
            self._on_moved()

    @Slot()
    def _on_timing(self) -> None:
        self._remembered.remember(
            duration_s=self.transport.duration_s, frame_rate_hz=float(self.transport.frame_rate_hz)
        )
        self._make_sequence(same_place=True)
        if self._frame_shown:
            self._on_frame_due(self.player.index)

    @Slot(bool)
    def _on_loop(self, loop: bool) -> None:
        self._remembered.remember(loop=loop)
        self.player.loop = loop

    def _make_sequence(self, *, same_place: bool = False) -> None:
        asked, path = self.panel.asked, self.panel.path
        what = asked.what_plays(path)
        if self._photo is None or not what:
            self._sequence = None
        else:
            self._sequence = asked.sequence(
                path, self.transport.duration_s, self.transport.frame_rate_hz, self._photo.model
            )
        count = len(self._sequence.weights) if self._sequence is not None else 0
        self.player.set_sequence(count, self.transport.frame_rate_hz, same_place=same_place)
        self.transport.show_sequence(count, what)
        self.transport.show_place(self.player.index)
        self.exports.refresh()

    @Slot(int)
    def _on_frame_due(self, index: int) -> None:
        if self._sequence is None:
            return
        self._frame_shown = True
        self.transport.show_place(index)
        if self._sequence.va is not None:
            valence, arousal = self._sequence.va[index]
            self.panel.follow((float(valence), float(arousal)))
        self._show(self.panel.asked.intensity * self._sequence.weights[index])

    @Slot(bool)
    def _on_play(self, on: bool) -> None:
        if on:
            self.player.start()
        else:
            self.player.stop()

    def _show(self, weights: Floats) -> None:
        if self._photo is not None:
            self._weights = weights
            self.renderer.ask(self._photo, weights)

    @Slot(object)
    def _on_shown(self, rendered: Rendered) -> None:
        self.view.show_rendered(rendered, self.panel.asked.describe())

    @Slot(str)
    def _on_render_failed(self, problem: str) -> None:
        self.notice.say(f"The face cannot be drawn ({problem}). Choose another photograph.")

    @Slot(str)
    def _on_export_failed(self, problem: str) -> None:
        self.notice.say(f"{problem}.")

    @Slot(bool)
    def _on_compare(self, on: bool) -> None:
        self.view.original = on
        self._compare.setDown(on)

    @Slot()
    def _on_compare_pressed(self) -> None:
        self._on_compare(True)

    @Slot()
    def _on_compare_released(self) -> None:
        self._on_compare(False)

    # --- building

    def _exportable(self) -> Exportable | None:
        if self._photo is None or self._weights is None:
            return None
        sequence = self._sequence.scaled(self.panel.asked.intensity) if self._sequence is not None else None
        return Exportable(self._photo, self._weights, sequence)

    def _show_state(self) -> None:
        photo = self._photo
        self._compare.setEnabled(photo is not None)
        self.panel.setEnabled(photo is not None)
        self.transport.setEnabled(photo is not None)
        self.exports.refresh()
        if photo is None:
            self._title.setText("")
            return
        height_px, width_px = photo.full.image_rgb_u8.shape[:2]
        words = f"{photo.photograph.name}, {width_px} × {height_px}"
        before = photo.photograph.reduced_from_px
        self._title.setText(f"{words}, made smaller from {before[0]} × {before[1]}" if before else words)

    def _connect(self) -> None:
        self.pane.start.last_wanted.connect(self._on_last_wanted)
        self.sources.choose.triggered.connect(self._on_choose)
        self.sources.camera.triggered.connect(self.grab_camera)
        self.sources.portrait.triggered.connect(self.open_portrait)
        self.notice.acted.connect(self.camera_wanted)
        self.runner.begun.connect(self.progress.begin)
        self.runner.progressed.connect(self.progress.tell)
        self.runner.read.connect(self._on_read)
        self.runner.fitted.connect(self._on_fitted)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.progress.cancelled.connect(self.runner.cancel)
        self.renderer.shown.connect(self._on_shown)
        self.renderer.failed.connect(self._on_render_failed)
        self.view.face_selected.connect(self._on_face_selected)
        self.view.original_held.connect(self._on_compare)
        self.view.painted.connect(self._pace.on_painted)
        self._compare.pressed.connect(self._on_compare_pressed)
        self._compare.released.connect(self._on_compare_released)
        self.panel.moved.connect(self._on_moved)
        self.panel.changed.connect(self._on_changed)
        self.panel.intensity_changed.connect(self._on_intensity)
        self.transport.timing_changed.connect(self._on_timing)
        self.transport.play_toggled.connect(self._on_play)
        self.transport.loop_toggled.connect(self._on_loop)
        self.transport.sought.connect(self.player.seek)
        self.player.frame_due.connect(self._on_frame_due)
        self.player.state_changed.connect(self.transport.show_playing)
        self.exports.failed.connect(self._on_export_failed)
        self.exports.exported.connect(self.notice.hide)

    def _lay_out(self) -> None:
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(_MARGIN_PX, 0, _MARGIN_PX, _MARGIN_PX)
        column.addWidget(self.panel, 1)
        column.addWidget(self.transport)
        column.addWidget(self.exports)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.pane)
        self._splitter.addWidget(right)
        self._splitter.setStretchFactor(0, _PHOTO_SHARE)
        self._splitter.setStretchFactor(1, _PANEL_SHARE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._top_row())
        layout.addWidget(self._splitter, 1)
        self.addActions([*self.sources.all(), *self.panel.keyed_actions()])
        self.addActions([self.transport.play, self.transport.loop])
        self.addActions([self.exports.image, self.exports.images, self.exports.video, self.exports.cancel])

    def _top_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(_MARGIN_PX, 6, _MARGIN_PX, 6)
        for action in self.sources.all():
            button = QToolButton()
            button.setDefaultAction(action)
            row.addWidget(button)
        self._title = ElidedLabel()
        self._title.setAccessibleName("Name of the photograph")
        self._pace = PaceLabel()
        self._compare = QToolButton()
        self._compare.setText("Hold to compare")
        self._compare.setAccessibleName("hold to see the original")
        self._compare.setToolTip("Shows the original while it is held (hold C, or press the picture)")
        row.addSpacing(8)
        row.addWidget(self._title, 1)
        row.addWidget(self._pace)
        row.addSpacing(8)
        row.addWidget(self._compare)
        return row

    # --- events

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """The first time, now that their room is known, the parts take the shares that they had or should have."""
        super().showEvent(event)
        if self._shown:
            return
        self._shown = True
        self._splitter.setSizes([_PHOTO_SHARE * self.width(), _PANEL_SHARE * self.width()])
        state = self._store.value(_LAYOUT)
        if isinstance(state, QByteArray):
            self._splitter.restoreState(state)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """Nothing plays that nobody sees."""
        super().hideEvent(event)
        self.player.stop()
        self._on_compare(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """While the key is held the original shows."""
        if event.key() == _COMPARE_KEY and not event.isAutoRepeat() and self._photo is not None:
            self._on_compare(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Synthesised again."""
        if event.key() == _COMPARE_KEY and not event.isAutoRepeat():
            self._on_compare(False)
        else:
            super().keyReleaseEvent(event)
