"""The window: puts the workspaces together, and owns nothing that one of them could own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QTabWidget, QToolButton, QVBoxLayout, QWidget

from fer_core.types import ImageU8
from fer_studio.ahead import Ahead
from fer_studio.dialogs.shortcuts import ShortcutsDialog, shortcuts_of
from fer_studio.engines import SharedEngine
from fer_studio.labels import Labels
from fer_studio.live.camera_choice import CameraChoice
from fer_studio.live.indicators import AnalysingLight
from fer_studio.live.workspace import LiveWorkspace
from fer_studio.notices import FIRST_START, NoticeBar
from fer_studio.settings import Preferences, Settings
from fer_studio.theme import ThemeChoice, ThemeFollower

FIRST_SIZE = QSize(1280, 800)
_FILES, _REVIEW = "fer_studio.files.workspace", "fer_studio.review.workspace"
_SYNTHESIS = "fer_studio.synthesis.workspace"
_TIMELINE = "fer_studio.views.timeline"
_SETTINGS, _ABOUT = "fer_studio.dialogs.settings_dialog", "fer_studio.dialogs.about"


class LazyPage(QWidget):
    """A tab whose content is made when it is first needed: libraries of plots and players take long to load."""

    def __init__(self, make: Callable[[], QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self.content: Any = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def get(self) -> Any:
        """The workspace, made now if it has to be."""
        if self.content is None:
            self.content = self._make()
            self._column.addWidget(self.content)
            self.setFocusProxy(self.content)  # its keys work while the focus is in it
        return self.content


class MainWindow(QMainWindow):
    """Live, Files, Review and Synthesis as tabs.

    Args:
        settings: what is remembered.
        engine: the network that all workspaces share.
        theme: follows the system unless the person chose otherwise.
        camera: opened at the start, None for none.
        files: queued at the start.
    """

    settled = Signal()
    """All libraries are loaded, and all tabs are made."""

    def __init__(
        self,
        settings: Settings,
        engine: SharedEngine,
        theme: ThemeFollower,
        *,
        camera: CameraChoice | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        super().__init__()
        self.setWindowTitle("fer-studio")
        self.setAcceptDrops(True)
        self.settings = settings
        self._engine = engine
        self._theme = theme
        self._waiting_files = list(files)
        self._begun = self._closed = False
        self._timeline: Any = None
        settings.changed.connect(self._on_settings)  # before the workspaces, which load the network anew
        self.live = LiveWorkspace(engine, settings, camera)
        self.light = AnalysingLight()
        self.first_start = NoticeBar("what this program does")
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.live, "Live")
        self._files = self._add_lazy(_FILES, "Files", self._make_files)
        self._review = self._add_lazy(_REVIEW, "Review", self._make_review)
        self._synthesis = self._add_lazy(_SYNTHESIS, "Synthesis", self._make_synthesis)
        pages = [page for page in (self._files, self._review, self._synthesis) if page is not None]
        steps = [self._make_timeline, *(page.get for page in pages)]
        self._first = Ahead((_TIMELINE,), [self.live.timeline.open], self)
        self._ahead = Ahead((_FILES, _REVIEW, _SYNTHESIS, _SETTINGS, _ABOUT), steps, self)
        self._lay_out()
        self._make_actions()
        # Not before: the network and the camera are what the person waits for.
        self.live.engine_ready.connect(self._first.begin)
        self.live.controller.engine_failed.connect(self._first.begin)
        self._first.ended.connect(self._ahead.begin)
        self._ahead.ended.connect(self.settled)
        self.live.analysing_changed.connect(self._on_analysing)
        self.live.recording_opened.connect(self.review)
        self.tabs.currentChanged.connect(self._on_tab)
        self._restore()

    def parts(self) -> list[tuple[str, QWidget]]:
        """The window and its workspaces with their titles; makes those that are not made yet."""
        lazy = [("Files", self._files), ("Review", self._review), ("Synthesis", self._synthesis)]
        return [
            ("Window", self),
            ("Live", self.live),
            *((title, page.get()) for title, page in lazy if page is not None),
        ]

    # --- between workspaces

    @Slot(list)
    def add_paths(self, paths: list[Path]) -> None:
        """Queues files and shows the queue; a window that is closed begins nothing any more."""
        if self._files is not None and paths and not self._closed:
            self._files.get().add_paths(paths)
            self.tabs.setCurrentWidget(self._files)

    @Slot(object, object)
    def review(self, csv: Path, media: Path) -> None:
        """Opens a recording and shows it; one that was ended by closing the window is not waited for."""
        if self._review is not None and not self._closed:
            self._review.get().open(csv, media)
            self.tabs.setCurrentWidget(self._review)

    def _make_files(self) -> QWidget:
        workspace: Any = importlib.import_module(_FILES).FilesWorkspace(self._engine, self.settings.store)
        workspace.open_recording.connect(self.review)
        return workspace  # type: ignore[no-any-return]

    def _make_timeline(self) -> None:
        """That of Review, unless it has one."""
        if self._review is not None and self._review.content is None:
            self._timeline = importlib.import_module(_TIMELINE).Timeline(self._labels())

    def _make_review(self) -> QWidget:
        timeline, self._timeline = self._timeline, None
        module: Any = importlib.import_module(_REVIEW)
        workspace: Any = module.ReviewWorkspace(self._labels(), self.settings.store, timeline)
        workspace.layout_requested.connect(self._on_layout_requested)
        return workspace  # type: ignore[no-any-return]

    def _make_synthesis(self) -> QWidget:
        module: Any = importlib.import_module(_SYNTHESIS)
        workspace: Any = module.SynthesisWorkspace(self._engine, self.settings.store, self._camera_picture)
        workspace.camera_wanted.connect(self._on_camera_wanted)
        return workspace  # type: ignore[no-any-return]

    def _camera_picture(self) -> ImageU8 | None:
        return self.live.video.picture

    def _labels(self) -> Labels:
        engine = self.live.controller.engine
        if engine is None:
            from fer_core.labels import ACTION_UNITS, EXPRESSIONS

            return Labels(EXPRESSIONS, ACTION_UNITS)
        return Labels(engine.card.expressions, engine.card.action_units)

    # --- building

    def _add_lazy(self, module: str, title: str, make: Callable[[], QWidget]) -> LazyPage | None:
        if find_spec(module) is None:
            return None
        page = LazyPage(make)
        self.tabs.addTab(page, title)
        return page

    def _lay_out(self) -> None:
        corner = QWidget()
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 6, 0)
        self._menu_button = QToolButton()
        self._menu_button.setText("Menu")
        self._menu_button.setAccessibleName("menu")
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row.addWidget(self.light)
        row.addWidget(self._menu_button)
        self.tabs.setCornerWidget(corner)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.first_start)
        column.addWidget(self.tabs, 1)
        self.setCentralWidget(centre)
        self.first_start.dismissed.connect(self._on_notice_read)
        if not self.settings.preferences.notice_seen:
            self.first_start.say("\n".join(FIRST_START), dismiss="Understood")

    def _make_actions(self) -> None:
        menu = QMenu(self)
        if self._files is not None:
            self._add_action(menu, "Open files ...", "Ctrl+O", "Measure videos and images", self._on_open)
            menu.addSeparator()
        self._add_action(menu, "Settings ...", "Ctrl+,", "Model, device, theme, folders", self._on_settings_asked)
        self._add_action(menu, "Full screen", "F11", "The window on the whole screen, and back", self._on_full_screen)
        self._add_action(menu, "Keyboard ...", "F1", "All keys", self._on_shortcuts)
        self._add_action(menu, "About ...", "", "Versions, licences, the model", self._on_about)
        menu.addSeparator()
        self._add_action(menu, "Quit", "Ctrl+Q", "Close the window", self.close)
        self._menu_button.setMenu(menu)
        for index in range(self.tabs.count()):
            action = QAction(self.tabs.tabText(index), self)
            action.setShortcut(QKeySequence(f"Ctrl+{index + 1}"))
            action.setToolTip(f"Go to {self.tabs.tabText(index)}")
            action.setData(index)
            action.triggered.connect(self._on_tab_asked)
            self.addAction(action)

    def _add_action(self, menu: QMenu, text: str, keys: str, tooltip: str, slot: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setToolTip(tooltip)
        action.triggered.connect(slot)
        menu.addAction(action)
        self.addAction(action)

    def _restore(self) -> None:
        self.resize(FIRST_SIZE)
        geometry = self.settings.layout("window")
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)

    # --- slots

    @Slot(object, str, object, object)
    def _on_layout_requested(
        self, media: Path, layout: str, span_s: tuple[float, float] | None, excluded_s: tuple[tuple[float, float], ...]
    ) -> None:
        if self._files is not None and not self._closed:
            self._files.get().add_layout(media, layout, span_s, excluded_s)

    @Slot(bool)
    def _on_analysing(self, on: bool) -> None:
        self.light.lit = on

    @Slot()
    def _on_camera_wanted(self) -> None:
        self.tabs.setCurrentWidget(self.live)

    @Slot()
    def _on_notice_read(self) -> None:
        self.settings.change(notice_seen=True)

    @Slot(int)
    def _on_tab(self, index: int) -> None:
        page = self.tabs.widget(index)
        if isinstance(page, LazyPage):
            page.get()

    @Slot()
    def _on_tab_asked(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.tabs.setCurrentIndex(int(action.data()))
            self.tabs.currentWidget().setFocus()  # else what was hidden keeps the keys

    @Slot()
    def _on_open(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        names, _ = QFileDialog.getOpenFileNames(self, "Open videos and images")
        self.add_paths([Path(name) for name in names])

    @Slot()
    def _on_settings_asked(self) -> None:
        from fer_studio.dialogs.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self.settings.preferences, self)
        if dialog.exec():
            self.settings.replace(dialog.preferences())
        dialog.deleteLater()

    @Slot(object, object)
    def _on_settings(self, before: Preferences, now: Preferences) -> None:
        if (before.model, before.device) != (now.model, now.device):
            self._engine.choose(Path(now.model) if now.model else None, now.device)
        self._theme.set_choice(ThemeChoice(now.theme))
        self._theme.set_text_percent(now.text_percent)

    @Slot()
    def _on_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    @Slot()
    def _on_shortcuts(self) -> None:
        dialog = ShortcutsDialog(shortcuts_of(self.parts()), self)
        dialog.exec()
        dialog.deleteLater()

    @Slot()
    def _on_about(self) -> None:
        from fer_studio.dialogs.about import AboutDialog

        dialog = AboutDialog(self.live.controller.engine, self)
        dialog.exec()
        dialog.deleteLater()

    @Slot()
    def _begin(self) -> None:
        if self._closed:  # before the event loop came to it
            return
        self.live.begin()
        files, self._waiting_files = self._waiting_files, []
        self.add_paths(files)

    # --- events

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """The work begins once the window can be seen: loading libraries would hold up its first picture."""
        super().paintEvent(event)
        if not self._begun:
            self._begun = True
            QTimer.singleShot(0, self, self._begin)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Ends all threads, within two seconds, and remembers the layout."""
        if not self._closed:
            self._closed = True
            self.tabs.currentChanged.disconnect(self._on_tab)  # taken apart, Qt goes through the tabs once more
        self._first.shutdown()
        self._ahead.shutdown()
        self.settings.save_layout("window", self.saveGeometry())
        self.live.shutdown()
        for page in (self._files, self._review, self._synthesis):
            if page is not None and page.content is not None:
                page.content.shutdown()
        self.settings.store.sync()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt's name
        """Files are welcome anywhere on the window."""
        if (self._files is not None or self._shows_synthesis()) and _local_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt's name
        """Queues what was dropped, or takes it as the photograph of Synthesis while that is shown."""
        event.acceptProposedAction()
        if self._synthesis is not None and self._shows_synthesis():
            self._synthesis.get().open_paths(_local_files(event))
        else:
            self.add_paths(_local_files(event))

    def _shows_synthesis(self) -> bool:
        return self._synthesis is not None and self.tabs.currentWidget() is self._synthesis


def _local_files(event: QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
