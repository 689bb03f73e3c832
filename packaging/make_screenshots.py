"""Renders the main states of the window, with the shipped model and without a display. Run by hand:

python packaging/make_screenshots.py OUT_FOLDER [CLIP ...] [--photograph FILE] [--only STATE ...]

The first clip (the demo clip by default) poses as the camera and is reviewed; all clips side by side, the first one
mirrored when it stands alone, are the picture with several faces. The photograph (the built-in portrait by default) is
the one that synthesis works on. Each state is drawn dark and light, at 1280x720 and
2560x1440.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QTabWidget

from fer_core.assets import asset_path
from fer_core.augment.affect3d.sequence import write_image
from fer_core.media.source import open_source
from fer_core.media.writer import VideoWriter
from fer_core.types import ImageU8, MediaInfo
from fer_studio.app import prepare_process
from fer_studio.dialogs.about import AboutDialog
from fer_studio.dialogs.settings_dialog import SettingsDialog
from fer_studio.dialogs.shortcuts import ShortcutsDialog, shortcuts_of
from fer_studio.engines import SharedEngine
from fer_studio.files.job import JobState
from fer_studio.files.workspace import FilesWorkspace
from fer_studio.live.camera_choice import file_choice
from fer_studio.main_window import MainWindow
from fer_studio.marks import MarkKind
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.settings import Settings
from fer_studio.synthesis.workspace import SynthesisWorkspace
from fer_studio.theme import ThemeChoice, ThemeFollower

SIZES = (QSize(1280, 720), QSize(2560, 1440))
THEMES = (ThemeChoice.DARK, ThemeChoice.LIGHT)
TILE_PX = (640, 360)
LIVE_S = 12.0
"""After so long live there is a trail and a history."""
SETTLE_S = 0.5
PATIENCE_S = 120.0
WHOLE_RUN_S = 1200.0
NO_SUCH_CAMERA = "97"
_SHADE = QColor(0, 0, 0, 90)


class Studio:
    """Opens windows one after the other, and photographs them.

    Args:
        app: the application object.
        out: folder for the pictures.
        work: folder for everything else.
        clips: what is shown; at least one.
        photograph: for synthesis; None is the built-in portrait.
    """

    def __init__(
        self, app: QApplication, out: Path, work: Path, clips: list[Path], photograph: Path | None = None
    ) -> None:
        self.out, self.work, self.clips, self.photograph = out, work, clips, photograph
        self.theme = ThemeFollower(app, ThemeChoice.DARK)
        self._engine = SharedEngine(device="cpu")
        self._windows: list[MainWindow] = []
        """Kept to the end: Python may throw a window away in any thread, Qt only in this one."""

    def open(self, camera: str | None = None, *, first_start: bool = False) -> MainWindow:
        """A window with settings of its own; ``camera`` as the command line takes it."""
        settings = Settings(self.work / f"studio{len(self._windows)}.ini")
        settings.change(notice_seen=not first_start, recordings_folder=str(self.work))
        choice = file_choice(camera, loop=True) if camera else None
        window = MainWindow(settings, self._engine, self.theme, camera=choice)
        self._windows.append(window)
        window.resize(SIZES[0])
        window.show()
        return window

    def shoot(self, name: str, window: MainWindow, dialog: QDialog | None = None) -> None:
        """One state in all themes and sizes."""
        for theme in THEMES:
            window.settings.change(theme=theme.value)
            for size in SIZES:
                window.resize(size)
                if dialog is not None:
                    dialog.show()
                pause(SETTLE_S)
                picture = window.grab()
                if dialog is not None:
                    _lay_over(picture, dialog)
                target = self.out / f"{name}-{theme}-{size.width()}.png"
                if not picture.save(str(target)):
                    raise OSError(f"{target} cannot be written")
                print(target)
        window.resize(SIZES[0])

    # --- the states

    def first_start(self) -> None:
        """What people see first."""
        window = self.open(first_start=True)
        wait("the list of cameras", lambda: window.live.toolbar.choice is not None)
        self.shoot("first-start", window)
        window.close()

    def empty(self) -> None:
        """Live before anything runs, and the pages and dialogs that need no media."""
        window = self.open()
        wait("the network", lambda: window.live.controller.engine is not None)
        window.live.messages.camera_off()  # as on a machine that has a camera
        self.shoot("live-empty", window)
        window.tabs.setCurrentIndex(1)
        self.shoot("files-empty", window)
        window.tabs.setCurrentIndex(2)
        self.shoot("review-empty", window)
        window.tabs.setCurrentIndex(0)
        parts = window.parts()
        for name, dialog in (
            ("settings", SettingsDialog(window.settings.preferences, window)),
            ("shortcuts", ShortcutsDialog(shortcuts_of(parts), window)),
            ("about", AboutDialog(window.live.controller.engine, window)),
        ):
            self.shoot(name, window, dialog)
            if isinstance(dialog, AboutDialog):
                tabs = dialog.findChild(QTabWidget)
                assert tabs is not None
                tabs.setCurrentIndex(1)
                self.shoot("about-model", window, dialog)
            dialog.close()
        window.close()

    def live_one(self) -> None:
        """A single face."""
        self._live("live-one", self.clips[0])

    def live_two(self) -> None:
        """Several faces."""
        self._live("live-two", side_by_side(self.clips, self.work / "several.mp4"))

    def no_camera(self) -> None:
        """A camera that is not there."""
        window = self.open(NO_SUCH_CAMERA)
        wait("the failure", lambda: _has_card(window))
        self.shoot("no-camera", window)
        window.close()

    def files(self) -> None:
        """A queue in the middle of its work."""
        window = self.open()
        window.tabs.setCurrentIndex(1)
        files: FilesWorkspace = window.parts()[2][1]  # type: ignore[assignment]
        names = ("interview 01.mp4", "interview 02.mp4", "interview 03.mp4")
        queued = [Path(shutil.copy(self.clips[0], self.work / name)) for name in names]
        broken = self.work / "notes.mp4"
        broken.write_text("not a video\n" * 100)
        first = Path(shutil.copy(asset_path("demo", "demo.mp4"), self.work / "demo.mp4"))
        files.options.folder = self.work / "results"
        files.add_paths([first, broken])
        wait("the first files", lambda: all(job.is_over for job in files.jobs))
        files.add_paths([first])
        wait("the file that is done", lambda: files.jobs[-1].state is JobState.REUSED)
        window.tabs.setCurrentIndex(1)
        files.add_paths(queued)
        wait("a running file", lambda: files.jobs[3].frames > 40)
        files.select_row(5)
        files.cancel_selected()
        files.select_row(1)
        self.shoot("files-queue", window)
        window.close()

    def review(self) -> None:
        """A measured clip, with marks and a selection, on each of its three pages."""
        window = self.open()
        parts = dict(window.parts())
        files, review = parts["Files"], parts["Review"]
        assert isinstance(files, FilesWorkspace)
        assert isinstance(review, ReviewWorkspace)
        window.add_paths([Path(shutil.copy(self.clips[0], self.work / "clip.mp4"))])
        wait("the analysis", lambda: bool(files.jobs) and files.jobs[0].is_over)
        wait("the rows", lambda: review.recording is not None and len(review.recording) == files.jobs[0].frames)
        window.tabs.setCurrentIndex(2)
        recording, timeline = review.recording, review.timeline
        assert recording is not None
        end_s = recording.end_s
        timeline.marks.add(MarkKind.POINT, end_s * 0.22, name="event A")
        timeline.marks.add(MarkKind.POINT, end_s * 0.62, name="event B")
        timeline.marks.add(MarkKind.RANGE, end_s * 0.05, end_s * 0.18, name="task 1")
        timeline.marks.add(MarkKind.EXCLUDED, end_s * 0.9, end_s * 0.97, name="left out")
        timeline.selection_s = (end_s * 0.3, end_s * 0.8)
        review.player.seek(end_s * 0.45)
        pages = next(tabs for tabs in review.findChildren(QTabWidget) if tabs.indexOf(review.statistics) >= 0)
        for name, page in (("face", review.panel), ("statistics", review.statistics), ("marks", review.marks)):
            pages.setCurrentWidget(page)
            self.shoot(f"review-{name}", window)
        files.remove_selected()
        window.tabs.setCurrentIndex(1)
        self.shoot("files-recent", window)
        window.close()

    def synthesis(self) -> None:
        """Without a photograph, with a path, with an expression, with several faces, and with no face at all."""
        window = self.open()
        parts = dict(window.parts())
        window.tabs.setCurrentIndex(3)
        space = parts["Synthesis"]
        assert isinstance(space, SynthesisWorkspace)
        self.shoot("synthesis-empty", window)
        nobody, two = self.work / "wall.png", self.work / "two.png"
        write_image(nobody, np.full((480, 640, 3), 150, np.uint8))
        space.open_paths([nobody])
        wait("the refusal", lambda: not space.runner.busy)
        self.shoot("synthesis-no-face", window)
        if self.photograph is None:
            space.open_portrait()
        else:
            space.open_paths([self.photograph])
        wait("the photograph", lambda: space.photo is not None)
        turn = np.linspace(0, 1.6 * np.pi, 40)
        space.panel.path = np.stack([0.2 + 0.5 * np.cos(turn), 0.15 + 0.5 * np.sin(turn)], axis=1)
        space.player.seek(35)
        pause(1.0)
        self.shoot("synthesis-path", window)
        space.panel.expressions.keyed_actions[3].trigger()
        pause(1.0)
        self.shoot("synthesis-expression", window)
        assert space.photo is not None
        picture = space.photo.full.image_rgb_u8
        smaller = cv2.resize(picture, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
        apart = np.full((picture.shape[0] - smaller.shape[0], smaller.shape[1], 3), 90, np.uint8)
        write_image(two, np.hstack([picture, np.vstack([apart, smaller[:, ::-1]])]))
        space.open_paths([two])
        wait("two faces", lambda: space.photo is not None and len(space.photo.faces) > 1)
        pause(1.0)
        self.shoot("synthesis-two", window)
        window.close()

    def _live(self, name: str, clip: Path) -> None:
        window = self.open(f"file:{clip}")
        wait("a face", lambda: window.light.lit)
        pause(LIVE_S)
        self.shoot(name, window)
        window.close()


STATES: dict[str, Callable[[Studio], None]] = {
    "first-start": Studio.first_start,
    "empty": Studio.empty,
    "live-one": Studio.live_one,
    "live-two": Studio.live_two,
    "no-camera": Studio.no_camera,
    "files": Studio.files,
    "review": Studio.review,
    "synthesis": Studio.synthesis,
}


def main() -> None:
    """Draws all states, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER")
    parser.add_argument("clips", type=Path, nargs="*", metavar="CLIP")
    parser.add_argument("--photograph", type=Path, metavar="FILE")
    parser.add_argument("--only", nargs="+", choices=STATES, default=list(STATES), metavar="STATE")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(WHOLE_RUN_S, exit=True)
    options.out.mkdir(parents=True, exist_ok=True)
    prepare_process()
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clips or [asset_path("demo", "demo.mp4")]
        studio = Studio(app, options.out, Path(folder), clips, options.photograph)
        for state in options.only:
            STATES[state](studio)
    faulthandler.cancel_dump_traceback_later()


def pause(seconds: float) -> None:
    """Lets the window live."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        QApplication.processEvents()
        time.sleep(0.005)


def wait(what: str, is_there: Callable[[], bool]) -> None:
    """Lets the window live until something is there.

    Raises:
        TimeoutError: it does not come.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not is_there():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {PATIENCE_S:g} s for {what}; see whether fer-studio doctor finds a fault")
        pause(0.02)


def side_by_side(clips: list[Path], target: Path) -> Path:
    """One video of all clips, as long as the shortest; a single clip stands beside its mirror image."""
    width_px, height_px = TILE_PX
    with open_source(clips[0]) as first:
        rate_hz = first.info.frame_rate_hz
    count = max(len(clips), 2)
    info = MediaInfo(target.name, width_px * count, height_px, rate_hz, None, None)
    rows = zip(*(_tiles(clip) for clip in clips), strict=False)
    with VideoWriter(target, None, info) as writer:
        for index, tiles in enumerate(rows):
            shown = [*tiles] if len(clips) > 1 else [tiles[0], tiles[0][:, ::-1]]
            writer.write(np.ascontiguousarray(np.hstack(shown)), index / (rate_hz or 25.0))
    return target


def _tiles(clip: Path) -> Iterator[ImageU8]:
    with open_source(clip) as source:
        for frame in source.frames():
            if frame.image_rgb_u8 is not None:
                yield np.asarray(cv2.resize(frame.image_rgb_u8, TILE_PX), np.uint8)


def _has_card(window: MainWindow) -> bool:
    from fer_studio.views.message_card import MessageCard

    card = window.live.video.findChild(MessageCard)
    return card is not None and NO_SUCH_CAMERA in card.accessibleName()


def _lay_over(picture: QPixmap, dialog: QDialog) -> None:
    """The dialog in the middle of its window, as the system shows it."""
    front = dialog.grab()
    painter = QPainter(picture)
    painter.fillRect(picture.rect(), _SHADE)
    painter.drawPixmap(QPoint((picture.width() - front.width()) // 2, (picture.height() - front.height()) // 2), front)
    painter.end()


if __name__ == "__main__":
    main()
