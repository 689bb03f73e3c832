"""The live view through its real widgets, with a clip in place of a camera."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from fer_core.infer.baseline import Baseline
from fer_core.media.camera import CameraInfo
from fer_core.media.errors import MediaError
from fer_core.media.file_camera import FileCamera
from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import write_error
from fer_core.record.reader import read_header, read_native
from fer_core.types import Frame, FrameResult
from fer_studio.engines import SharedEngine
from fer_studio.live.camera_choice import DEMO_NAME, CameraChoice, choices, choose, file_choice
from fer_studio.live.controller import LiveState, LiveStats
from fer_studio.live.workspace import LiveWorkspace
from fer_studio.marks import MarkKind, load_marks, marks_path
from fer_studio.settings import Settings
from fer_studio.workers.capture import CameraRequest

CLOSE_S = 2.0
PATIENCE_MS = 60_000
#: Niceness of Linux goes from -20 to 19.
LEAST_PRIORITY = 19
CAMERAS = [CameraInfo(0, "Wide"), CameraInfo(2, "Narrow")]

Make = Callable[..., LiveWorkspace]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "studio.ini")
    settings.change(recordings_folder=str(tmp_path / "recordings"), review_recordings=False)
    return settings


@pytest.fixture
def make(qtbot: QtBot, model: Path, settings: Settings) -> Iterator[Make]:
    made: list[LiveWorkspace] = []

    def build(asked: CameraChoice | None = None, **options: object) -> LiveWorkspace:
        workspace = LiveWorkspace(
            SharedEngine(options.pop("model", model), "cpu"),
            settings,
            asked,
            lister=options.pop("lister", list),
            **options,
        )
        qtbot.addWidget(workspace)
        workspace.resize(1000, 640)
        workspace.show()
        workspace.begin()
        made.append(workspace)
        return workspace

    yield build
    for workspace in made:
        start_s = time.monotonic()
        assert workspace.shutdown()
        assert time.monotonic() - start_s < CLOSE_S


@pytest.fixture
def live(make: Make, long_clip: Path, qtbot: QtBot) -> LiveWorkspace:
    """Analysing a face."""
    workspace = make(file_choice(f"file:{long_clip}", loop=True))
    qtbot.waitUntil(lambda: workspace.selection.face_id is not None, timeout=PATIENCE_MS)
    return workspace


def message(workspace: LiveWorkspace) -> str:
    card = workspace.video._card
    return f"{card.accessibleName()} {card.accessibleDescription()}" if card.isVisible() else ""


def picture(workspace: LiveWorkspace) -> np.ndarray:
    image = workspace.video.grab().toImage().convertToFormat(workspace.video.grab().toImage().Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def test_camera_choices_are_what_was_asked_then_cameras_then_the_demo() -> None:
    asked = file_choice("file:/a/clip.mp4", loop=False)
    found = choices([CameraInfo(0, "Same"), CameraInfo(1, "Same"), CameraInfo(2, "Other")], asked)
    assert [c.name for c in found] == ["clip.mp4", "Same (0)", "Same (1)", "Other", DEMO_NAME]
    assert [c.spec for c in found[:4]] == ["file:/a/clip.mp4", "0", "1", "2"]
    assert choose(found, "Other", "clip.mp4") == 3
    assert choose(found, "gone", "clip.mp4", "Other") == 0
    assert choose(found, "gone", "Other") == 3
    assert choose(found, "gone") == 0
    assert choose([], "Other") == -1


def test_live_without_a_camera_says_so_and_offers_the_demo(make: Make, qtbot: QtBot) -> None:
    workspace = make()
    qtbot.waitUntil(lambda: "No camera was found" in message(workspace), timeout=PATIENCE_MS)
    assert workspace.toolbar.choice.name == DEMO_NAME
    assert workspace.toolbar.start.isEnabled()
    assert not workspace.toolbar.record.isEnabled()


def test_live_lists_cameras_by_name_and_remembers_the_choice(make: Make, settings: Settings, qtbot: QtBot) -> None:
    settings.change(camera="Narrow")
    workspace = make(lister=lambda: CAMERAS)
    box = workspace.findChild(QComboBox)
    qtbot.waitUntil(lambda: box.count() == 3, timeout=PATIENCE_MS)
    assert [box.itemText(i) for i in range(3)] == ["Wide", "Narrow", DEMO_NAME]
    assert box.currentText() == "Narrow"
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert Settings(Path(settings.store.fileName())).preferences.camera == "Wide"


def test_live_shows_what_a_face_shows(live: LiveWorkspace, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: live.panel.plane.point is not None, timeout=PATIENCE_MS)
    assert live.controller.state is LiveState.RUNNING
    assert message(live) == ""
    assert "face 1" in live.video.describe()
    assert live.video.selected_face == 1
    assert "no usable face" not in live.panel.expressions.describe()
    assert picture(live).std() > 20
    qtbot.waitUntil(lambda: live.status.text("analysed").endswith("analysed"), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: float(live.status.text("camera").split()[0]) > 0, timeout=PATIENCE_MS)
    assert live.status.text("device") == "CPU (1 thread)"
    qtbot.waitUntil(lambda: live.status.text("faces") == "1 face", timeout=PATIENCE_MS)
    assert live.status.text("latency").endswith("ms latency")
    assert "dropped" in live.status.text("dropped")


def test_live_light_burns_while_faces_are_analysed_and_only_then(live: LiveWorkspace, qtbot: QtBot) -> None:
    seen: list[bool] = []
    live.analysing_changed.connect(seen.append)
    assert live._lit
    qtbot.mouseClick(tool_button(live, "Pause"), Qt.MouseButton.LeftButton)
    assert live.controller.state is LiveState.PAUSED
    assert seen == [False]
    count = live.controller._analysis.rate.count
    qtbot.wait(200)
    assert live.controller._analysis.rate.count <= count + 1
    qtbot.mouseClick(tool_button(live, "Pause"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: seen[:2] == [False, True], timeout=PATIENCE_MS)
    live.toolbar.start.trigger()
    assert seen[-1] is False
    assert live.controller.state is LiveState.STOPPED
    assert "No camera is running" in message(live)


def tool_button(workspace: LiveWorkspace, name: str):
    return next(b for b in workspace.findChildren(QToolButton) if b.accessibleName() == name)


def test_live_records_video_and_rows_together(live: LiveWorkspace, tmp_path: Path, qtbot: QtBot) -> None:
    live.timeline.open()
    live.toolbar.record.trigger()
    qtbot.waitUntil(lambda: live.toolbar.record.isChecked() and live.controller.recording, timeout=PATIENCE_MS)
    count = live.controller._analysis.rate.count
    qtbot.waitUntil(lambda: live.controller._analysis.rate.count > count + 4, timeout=PATIENCE_MS)
    qtbot.keyClick(live, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: live.controller._analysis.rate.count > count + 8, timeout=PATIENCE_MS)
    with qtbot.waitSignal(live.controller.recording_saved, timeout=PATIENCE_MS) as saved:
        live.toolbar.record.trigger()
    paths = saved.args[0]
    assert paths.csv.parent.parent == tmp_path / "recordings"
    rows = list(read_native(paths.csv))
    assert paths.frames == len({row.frame for row in rows}) >= 5
    assert read_header(paths.csv).with_baseline
    (mark,) = load_marks(marks_path(paths.csv))
    assert (mark.name, mark.kind) == ("marker 1", MarkKind.POINT)
    assert min(abs(row.time_s - mark.start_s) for row in rows) < 1e-6  # that of a frame
    assert live.timeline.view.marks.marks[0].name == mark.name
    with FileCamera(paths.video) as video:
        assert video.info.frame_count == paths.frames
    assert str(paths.csv.parent) in live.notice.text
    with qtbot.waitSignal(live.recording_opened, timeout=1000) as opened:
        qtbot.mouseClick(button(live, "Review"), Qt.MouseButton.LeftButton)
    assert opened.args == [paths.csv, paths.video]


def button(workspace: LiveWorkspace, text: str) -> QPushButton:
    return next(b for b in workspace.findChildren(QPushButton) if b.text() == text)


def test_live_closing_completes_a_recording(live: LiveWorkspace, tmp_path: Path, qtbot: QtBot) -> None:
    live.toolbar.record.trigger()
    recordings = tmp_path / "recordings"
    qtbot.waitUntil(
        lambda: any(p.read_bytes().count(b"\n") > 3 for p in recordings.glob("*/*.csv")), timeout=PATIENCE_MS
    )
    start_s = time.monotonic()
    assert live.shutdown()
    assert time.monotonic() - start_s < CLOSE_S
    (csv_path,) = recordings.glob("*/*.csv")
    assert csv_path.with_suffix(".mp4").is_file()
    assert '"complete": true' in csv_path.with_suffix(".json").read_text()


def test_live_neutral_is_subtracted_shown_and_reset(live: LiveWorkspace, qtbot: QtBot) -> None:
    live.toolbar.neutral.trigger()
    qtbot.waitUntil(lambda: live.toolbar.neutral.text().startswith("Hold still"), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: live.status.text("baseline") == "baseline: face 1", timeout=PATIENCE_MS)
    assert live.panel._note.isVisible()
    qtbot.waitUntil(lambda: live.toolbar.neutral.text() == "Neutral 3 s", timeout=PATIENCE_MS)
    live.toolbar._reset.trigger()
    qtbot.waitUntil(lambda: live.status.text("baseline") == "", timeout=PATIENCE_MS)
    assert not live.panel._note.isVisible()


def test_live_recording_keeps_the_neutral_face_that_it_subtracts(live: LiveWorkspace, qtbot: QtBot) -> None:
    live.toolbar.record.trigger()
    live.toolbar.neutral.trigger()
    qtbot.waitUntil(lambda: live.status.text("baseline") == "baseline: face 1", timeout=PATIENCE_MS)
    with qtbot.waitSignal(live.controller.recording_saved, timeout=PATIENCE_MS) as saved:
        live.toolbar.record.trigger()
    csv = saved.args[0].csv
    engine = live.controller.engine
    baseline = Baseline.load(csv.with_name(f"{csv.stem}.face1.baseline.json"), engine.card)
    rows = [row for row in read_native(csv) if row.affect_baseline is not None]
    assert rows
    for row in rows:
        assert baseline.correct(row.affect).valence == pytest.approx(row.affect_baseline.valence, abs=1e-5)


def test_live_neutral_ends_with_the_network_that_measured_it(
    live: LiveWorkspace, settings: Settings, qtbot: QtBot
) -> None:
    live.controller._analysis.baseline_changed.emit((1,))
    assert live.status.text("baseline") == "baseline: face 1"
    with qtbot.waitSignal(live.engine_ready, timeout=PATIENCE_MS):
        settings.change(max_faces=2)
    assert live.status.text("baseline") == ""
    assert not live.panel._note.isVisible()
    assert not live.toolbar._reset.isEnabled()


def test_live_neutral_of_a_lost_face_says_what_to_do(live: LiveWorkspace, qtbot: QtBot) -> None:
    live.controller.calibrate(77)
    qtbot.waitUntil(live.notice.isVisible, timeout=PATIENCE_MS)
    assert "Face 77 was not seen well enough" in live.notice.text
    assert "try again" in live.notice.text


def test_live_smoothing_is_off_at_first_and_remembered(live: LiveWorkspace, settings: Settings) -> None:
    slider = live.findChild(QSlider)
    assert slider.value() == 0
    slider.setValue(10)
    assert settings.preferences.smooth_s == 0.5
    assert live.controller._smooth_s == 0.5


def test_live_mirror_turns_the_shown_picture_and_is_remembered(live: LiveWorkspace, settings: Settings) -> None:
    live.controller.set_paused(True)
    live._display_timer.stop()
    live.video.show_frame(live.video._image_rgb_u8, None)
    mirrored = picture(live)
    mirror = live.toolbar._view_actions["mirror"]
    assert mirror.isChecked()
    mirror.trigger()
    assert not settings.preferences.mirror
    plain = picture(live).astype(int)
    assert np.abs(plain[:, ::-1] - mirrored).mean() < 2 < np.abs(plain - mirrored).mean()


def test_live_camera_that_is_busy_says_so_and_can_be_tried_again(make: Make, long_clip: Path, qtbot: QtBot) -> None:
    free = threading.Event()

    def open_source(request: CameraRequest) -> FileCamera:
        if not free.is_set():
            raise MediaError("HD Cam", "cannot be opened", "end other programs that use it")
        return FileCamera(long_clip, loop=True)

    workspace = make(CameraChoice("HD Cam", "0"), open_source=open_source)
    qtbot.waitUntil(lambda: "HD Cam: cannot be opened." in message(workspace), timeout=PATIENCE_MS)
    assert "End other programs that use it." in message(workspace)
    assert workspace.controller.state is LiveState.STOPPED
    free.set()
    qtbot.mouseClick(button(workspace, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.controller.state is LiveState.RUNNING, timeout=PATIENCE_MS)
    assert message(workspace) == ""


class BreaksOff(FileCamera):
    """A camera that gives pictures for a while and then has a problem."""

    problem = MediaError("HD Cam", "stopped giving pictures (unplugged?)", "plug it in again and start anew")

    def frames(self) -> Iterator[Frame]:
        for frame in super().frames():
            if frame.index >= 12:
                raise self.problem
            yield frame


def test_live_camera_that_is_unplugged_completes_the_recording_and_can_be_started_again(
    make: Make, long_clip: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    sources = iter([BreaksOff(long_clip), FileCamera(long_clip, loop=True)])
    workspace = make(CameraChoice("HD Cam", "0"), open_source=lambda request: next(sources))
    qtbot.waitUntil(lambda: "HD Cam: stopped giving pictures" in message(workspace), timeout=PATIENCE_MS)
    assert "Plug it in again and start anew." in message(workspace)
    assert workspace.controller.state is LiveState.STOPPED
    assert not workspace._lit
    qtbot.mouseClick(button(workspace, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.controller.state is LiveState.RUNNING, timeout=PATIENCE_MS)


def test_live_camera_is_opened_again_by_its_name_and_nothing_in_its_place(
    make: Make, settings: Settings, long_clip: Path, qtbot: QtBot
) -> None:
    there = [CameraInfo(0, "HD Cam")]
    sources = iter([BreaksOff(long_clip), FileCamera(long_clip, loop=True)])
    opened: list[str] = []

    def open_source(request: CameraRequest) -> FileCamera:
        opened.append(request.spec)
        there.clear()  # it will be unplugged
        return next(sources)

    workspace = make(lister=lambda: list(there), open_source=open_source)
    qtbot.waitUntil(lambda: workspace.toolbar.choice is not None, timeout=PATIENCE_MS)
    workspace.toolbar.start.trigger()
    qtbot.waitUntil(lambda: "HD Cam: stopped giving pictures" in message(workspace), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: workspace.toolbar.choice.name == DEMO_NAME, timeout=PATIENCE_MS)
    qtbot.mouseClick(button(workspace, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "HD Cam is not there. Plug it in" in message(workspace), timeout=PATIENCE_MS)
    assert (opened, settings.preferences.camera) == (["0"], "HD Cam")
    there[:] = [CameraInfo(0, "Other"), CameraInfo(2, "HD Cam")]
    qtbot.mouseClick(button(workspace, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.controller.state is LiveState.RUNNING, timeout=PATIENCE_MS)
    assert (opened, settings.preferences.camera) == (["0", "2"], "HD Cam")
    assert workspace.toolbar.choice.name == "HD Cam"


def test_live_camera_that_was_picked_stays_when_the_list_is_refreshed(
    make: Make, long_clip: Path, qtbot: QtBot
) -> None:
    asked = CameraChoice("asked", f"file:{long_clip}", loop=True)
    workspace = make(asked, lister=lambda: CAMERAS, open_source=lambda request: FileCamera(long_clip, loop=True))
    box = workspace.findChild(QComboBox)
    qtbot.waitUntil(lambda: box.count() == 4, timeout=PATIENCE_MS)
    assert box.currentText() == "asked"
    box.setCurrentIndex(2)
    box.activated.emit(2)
    with qtbot.waitSignal(workspace.cameras.listed, timeout=PATIENCE_MS):
        workspace.cameras.refresh()
    assert box.currentText() == "Narrow"


def test_live_recording_on_a_full_disk_stops_says_so_and_keeps_what_it_has(
    live: LiveWorkspace, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = CsvRecorder.write

    def full(recorder: CsvRecorder, result: FrameResult) -> None:
        if recorder.frames >= 5:
            raise write_error(recorder.path, OSError(errno.ENOSPC, "No space left on device"), kept=True)
        write(recorder, result)

    monkeypatch.setattr(CsvRecorder, "write", full)
    live.toolbar.record.trigger()
    qtbot.waitUntil(lambda: live.notice.text.startswith("The recording stopped."), timeout=PATIENCE_MS)
    assert "No space left on device" in live.notice.text
    assert "free some space or choose another folder for results, then record again" in live.notice.text
    assert "--" not in live.notice.text
    qtbot.waitUntil(lambda: not live.controller.recording, timeout=PATIENCE_MS)
    assert live.controller.state is LiveState.RUNNING
    (csv_path,) = (tmp_path / "recordings").glob("*/*.csv")
    assert len({row.frame for row in read_native(csv_path)}) == 5
    assert '"complete": false' in csv_path.with_suffix(".json").read_text()
    with FileCamera(csv_path.with_suffix(".mp4")) as video:
        assert video.info.frame_count == 5


def test_live_status_and_buttons_keep_their_room_when_figures_change(live: LiveWorkspace, qtbot: QtBot) -> None:
    def places() -> list[int]:
        live.status.layout().activate()
        live.toolbar.layout().activate()
        return [part.x() for part in live.status._parts.values() if part.isVisible()] + [
            tool.x() for tool in live.toolbar.findChildren(QToolButton)
        ]

    live._display_timer.stop()
    live._status_timer.stop()
    seen = []
    for camera_hz, latency_ms, dropped, faces, progress in ((9.9, None, 0, 0, None), (120.0, 1234.0, 98765, 12, 1.0)):
        live.status.show_stats(LiveStats(camera_hz, camera_hz, dropped), latency_ms, faces)
        live.toolbar.show_calibration(progress)
        live.toolbar.record.setText("Record" if progress is None else "Stop recording")
        seen.append(places())
    assert seen[0] == seen[1]


def test_live_analysis_gives_way_to_the_window(live: LiveWorkspace) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems keep no niceness for a thread")
    window = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    if window >= LEAST_PRIORITY:
        pytest.skip("the tests run at the lowest priority there is: nothing can be below")
    tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    assert max(os.getpriority(os.PRIO_PROCESS, task) for task in tasks) > window


def test_live_clip_that_is_over_says_so_and_begins_again(make: Make, media: Path, qtbot: QtBot) -> None:
    workspace = make(file_choice(f"file:{media / 'clip.mp4'}", loop=False))
    qtbot.waitUntil(lambda: "The clip is over" in message(workspace), timeout=PATIENCE_MS)
    qtbot.mouseClick(button(workspace, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.controller.state is LiveState.RUNNING, timeout=PATIENCE_MS)


def test_live_wrong_camera_file_says_what_is_wrong(make: Make, media: Path, qtbot: QtBot) -> None:
    workspace = make(file_choice(f"file:{media / 'text.mp4'}", loop=False))
    qtbot.waitUntil(button(workspace, "Try again").isVisible, timeout=PATIENCE_MS)
    assert "text.mp4" in message(workspace)


def test_live_wrong_model_leaves_the_picture_and_says_what_is_wrong(
    make: Make, long_clip: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    workspace = make(file_choice(f"file:{long_clip}", loop=True), model=tmp_path / "gone.onnx")
    qtbot.waitUntil(lambda: "gone.onnx" in workspace.notice.text, timeout=PATIENCE_MS)
    assert workspace.notice.text.startswith("Faces cannot be analysed")
    qtbot.waitUntil(lambda: workspace.video.describe() == "no face", timeout=PATIENCE_MS)
    assert not workspace._lit


def test_live_changed_camera_is_another_session(live: LiveWorkspace, demo_clip: Path, qtbot: QtBot) -> None:
    before = live.controller._session
    live.controller.start(CameraRequest(f"file:{demo_clip}", loop=True))
    qtbot.waitUntil(
        lambda: live.controller._session == before + 1 and live.controller.state is LiveState.RUNNING,
        timeout=PATIENCE_MS,
    )
    assert live.controller.info.name == "demo.mp4"


def test_live_closes_while_a_camera_hangs_in_opening(make: Make, qtbot: QtBot) -> None:
    release = threading.Event()

    def hang(request: CameraRequest) -> FileCamera:
        release.wait(20)
        raise MediaError("late", "was late", "none")

    workspace = make(CameraChoice("Slow", "0"), open_source=hang)
    assert workspace.controller.state is LiveState.OPENING
    start_s = time.monotonic()
    assert workspace.shutdown()
    assert time.monotonic() - start_s < CLOSE_S
    release.set()


def test_live_controls_have_names_and_tooltips(live: LiveWorkspace) -> None:
    controls = live.toolbar.findChildren(QToolButton) + live.toolbar.findChildren(QComboBox)
    controls += live.toolbar.findChildren(QSlider)
    assert [c for c in controls if not (c.accessibleName() and c.toolTip())] == []
