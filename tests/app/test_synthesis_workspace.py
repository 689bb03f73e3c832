"""The workspace Synthesis through its real widgets: photographs, plane, expressions, playing, messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from fer_core.augment.affect3d import Target
from fer_core.augment.affect3d.sequence import write_image
from fer_core.types import ImageU8
from fer_studio.engines import SharedEngine
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.fitter import PhotoFitter
from fer_studio.synthesis.photograph import Photograph, built_in_portrait
from fer_studio.synthesis.render_thread import Rendered
from fer_studio.synthesis.workspace import SynthesisWorkspace
from fer_studio.views.message_card import MessageCard

PATIENCE_MS = 60_000
CLOSE_S = 2.0
MakeSpace = Callable[..., SynthesisWorkspace]


@pytest.fixture(scope="module")
def portrait() -> Photograph:
    return built_in_portrait()


@pytest.fixture(scope="module")
def photo(portrait: Photograph) -> Iterator[FittedPhoto]:
    fitter = PhotoFitter(SharedEngine(device="cpu"))
    yield fitter.fit(portrait, lambda share, text: None, lambda: False)
    fitter.close()


@pytest.fixture
def make_space(qtbot: QtBot, tmp_path: Path) -> Iterator[MakeSpace]:
    made: list[SynthesisWorkspace] = []

    def make(engine: object = None, grab: Callable[[], ImageU8 | None] = lambda: None) -> SynthesisWorkspace:
        store = QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)
        space = SynthesisWorkspace(engine or SharedEngine(device="cpu"), store, grab)
        qtbot.addWidget(space)
        space.resize(1100, 640)
        space.show()
        made.append(space)
        return space

    yield make
    for space in made:
        start_s = time.monotonic()
        assert space.shutdown()
        assert time.monotonic() - start_s < CLOSE_S


@pytest.fixture
def space(make_space: MakeSpace) -> SynthesisWorkspace:
    return make_space()


@pytest.fixture
def fitted(space: SynthesisWorkspace, photo: FittedPhoto, qtbot: QtBot) -> SynthesisWorkspace:
    """With the portrait, which shows."""
    with qtbot.waitSignal(space.renderer.shown, timeout=PATIENCE_MS):
        space.runner.fitted.emit(photo)
    return space


def card_of(space: SynthesisWorkspace) -> MessageCard:
    card = space.view.findChild(MessageCard)
    assert isinstance(card, MessageCard)
    return card


def refuse(space: SynthesisWorkspace, path: Path, qtbot: QtBot) -> str:
    """What it says about a file that it cannot use."""
    with qtbot.waitSignal(space.runner.failed, timeout=PATIENCE_MS):
        space.open_paths([path])
    card = card_of(space)
    assert card.isVisible()
    return f"{card.accessibleName()} {card.accessibleDescription()}"


def wait_whole(space: SynthesisWorkspace, qtbot: QtBot) -> Rendered:
    """The picture that is shown when everything stands still."""
    assert space.photo is not None
    last = len(space.photo.levels) - 1
    shown: list[Rendered] = []
    space.renderer.shown.connect(shown.append)
    qtbot.waitUntil(lambda: bool(shown) and shown[-1].level == last, timeout=PATIENCE_MS)
    space.renderer.shown.disconnect(shown.append)
    return shown[-1]


def shrunk(picture: ImageU8, scale: float) -> ImageU8:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def place(space: SynthesisWorkspace, valence: float, arousal: float) -> QPoint:
    return space.panel.pad.to_widget(valence, arousal).toPoint()


# --- photographs


def test_synthesis_fits_the_portrait_and_has_no_complaint(space: SynthesisWorkspace, qtbot: QtBot) -> None:
    told: list[str] = []
    space.runner.progressed.connect(lambda share, text: told.append(text))
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.open_portrait()
    qtbot.waitUntil(lambda: not space.progress.isVisible(), timeout=PATIENCE_MS)
    assert {"looking for faces", "fitting the face"} <= set(told)
    assert space.photo is not None
    assert space.photo.photograph.name == "built-in portrait"
    assert space.photo.notes == ()
    assert not space.notice.isVisible()
    assert space.panel.isEnabled()


@pytest.mark.parametrize("expression", ["happiness", "surprise", "sadness"])
def test_synthesis_warns_of_a_face_that_is_not_neutral_and_goes_on(
    space: SynthesisWorkspace, photo: FittedPhoto, expression: str, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "moved.png"
    write_image(file, photo.synthesiser.render(photo.full.fit, Target.expression(expression)))
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.open_paths([file])
    assert f"not neutral ({expression}" in space.notice.text
    assert "relaxed face and closed lips" in space.notice.text
    assert space.panel.isEnabled()


def test_synthesis_takes_a_dropped_file_and_only_the_first(
    space: SynthesisWorkspace, portrait: Photograph, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "Öffnung.png"
    write_image(file, portrait.image_rgb_u8)
    space.open_paths([file, tmp_path / "other.png"])
    assert "One photograph at a time" in space.notice.text
    qtbot.waitUntil(lambda: space.photo is not None, timeout=PATIENCE_MS)
    assert space.photo is not None
    assert space.photo.photograph.path == file


def test_synthesis_refuses_what_is_no_photograph(space: SynthesisWorkspace, tmp_path: Path, qtbot: QtBot) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"nothing" * 40)
    (tmp_path / "clip.mp4").write_bytes(b"video")
    assert "broken.jpg" in refuse(space, broken, qtbot)
    assert "is a video" in refuse(space, tmp_path / "clip.mp4", qtbot)
    assert "is a folder" in refuse(space, tmp_path, qtbot)
    assert "gone.png" in refuse(space, tmp_path / "gone.png", qtbot)
    assert not space.panel.isEnabled()


def test_synthesis_says_what_is_wrong_with_a_face(
    space: SynthesisWorkspace, portrait: Photograph, tmp_path: Path, qtbot: QtBot
) -> None:
    nobody, small = tmp_path / "nobody.png", tmp_path / "small.png"
    write_image(nobody, np.full((300, 400, 3), 128, np.uint8))
    told = refuse(space, nobody, qtbot)
    assert "No face was found" in told
    assert "from the front" in told
    far = np.full((640, 640, 3), 100, np.uint8)
    far[300:377, 300:377] = shrunk(portrait.image_rgb_u8, 0.15)
    write_image(small, far)
    told = refuse(space, small, qtbot)
    assert "too small" in told
    assert "Choose a larger photograph." in told


def test_synthesis_keeps_its_photograph_when_the_next_is_no_good(
    fitted: SynthesisWorkspace, photo: FittedPhoto, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(fitted.runner.failed, timeout=PATIENCE_MS):
        fitted.open_paths([tmp_path / "gone.png"])
    assert fitted.photo is photo
    assert "gone.png" in fitted.notice.text
    assert "The photograph before is kept." in fitted.notice.text
    assert not card_of(fitted).isVisible()


def test_synthesis_takes_the_largest_of_several_faces_or_the_one_clicked(
    space: SynthesisWorkspace, portrait: Photograph, tmp_path: Path, qtbot: QtBot
) -> None:
    part = portrait.image_rgb_u8
    smaller = shrunk(part[:, ::-1], 0.8)
    beside = np.full_like(part, 100)
    beside[: smaller.shape[0], : smaller.shape[1]] = smaller
    file = tmp_path / "two.png"
    write_image(file, np.hstack([beside, part]))
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.open_paths([file])
    first = space.photo
    assert first is not None
    assert [face.face.face_id for face in first.faces] == [1, 2]
    assert first.chosen == 2
    assert "2 faces were found, and the largest was taken" in space.notice.text
    placement = space.view.placement()
    assert placement is not None
    box = placement.rect(space.view._faces()[0].face.box)
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        qtbot.mouseClick(space.view, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
    assert space.photo is not None
    assert space.photo.chosen == 1
    assert space.photo.full.fit.left_px < first.full.fit.left_px


def test_synthesis_takes_the_picture_of_the_camera(make_space: MakeSpace, portrait: Photograph, qtbot: QtBot) -> None:
    pictures: list[ImageU8] = []
    space = make_space(grab=lambda: pictures[-1] if pictures else None)
    camera = next(b for b in space.findChildren(QToolButton) if b.text().startswith("From the camera"))
    qtbot.mouseClick(camera, Qt.MouseButton.LeftButton)
    assert "start a camera in Live" in space.notice.text
    go = next(b for b in space.notice.findChildren(QPushButton) if b.text() == "Go to Live")
    with qtbot.waitSignal(space.camera_wanted, timeout=1000):
        qtbot.mouseClick(go, Qt.MouseButton.LeftButton)
    pictures.append(portrait.image_rgb_u8)
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        qtbot.mouseClick(camera, Qt.MouseButton.LeftButton)
    assert space.photo is not None
    assert space.photo.photograph.name == "camera picture"


def test_synthesis_says_why_the_network_cannot_be_loaded(make_space: MakeSpace, qtbot: QtBot) -> None:
    def engine() -> None:
        raise FileNotFoundError("fer-studio.onnx is not there; reinstall fer-studio")

    space = make_space(engine)
    with qtbot.waitSignal(space.runner.failed, timeout=PATIENCE_MS):
        space.open_portrait()
    assert "reinstall fer-studio" in card_of(space).accessibleDescription()


def test_synthesis_closes_at_once_while_it_fits(make_space: MakeSpace, qtbot: QtBot) -> None:
    go_on, asked = threading.Event(), threading.Event()

    def engine() -> object:
        asked.set()
        go_on.wait(30)
        return SharedEngine(device="cpu")()

    space = make_space(engine)
    space.open_portrait()
    qtbot.waitUntil(asked.is_set, timeout=PATIENCE_MS)
    assert space.progress.isVisible()
    start_s = time.monotonic()
    assert space.shutdown()
    assert time.monotonic() - start_s < CLOSE_S
    go_on.set()


def test_synthesis_fits_anew_after_a_job_that_was_given_up(make_space: MakeSpace, qtbot: QtBot) -> None:
    go_on, asked = threading.Event(), threading.Event()
    shared = SharedEngine(device="cpu")

    def engine() -> object:
        asked.set()
        go_on.wait(30)
        return shared()

    space = make_space(engine)
    space.open_portrait()
    qtbot.waitUntil(asked.is_set, timeout=PATIENCE_MS)
    space.open_portrait()
    assert space.photo is None
    go_on.set()
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        pass
    assert not space.runner.busy
    qtbot.waitUntil(lambda: not space.progress.isVisible(), timeout=PATIENCE_MS)


def test_synthesis_gives_up_fitting_when_cancelled(make_space: MakeSpace, qtbot: QtBot) -> None:
    go_on, asked = threading.Event(), threading.Event()

    def engine() -> object:
        asked.set()
        go_on.wait(30)
        return SharedEngine(device="cpu")()

    space = make_space(engine)
    space.open_portrait()
    qtbot.waitUntil(asked.is_set, timeout=PATIENCE_MS)
    with qtbot.waitSignal(space.runner.cancelled, timeout=PATIENCE_MS):
        qtbot.mouseClick(space.progress.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert space.photo is None
    assert not space.progress.isVisible()
    go_on.set()


# --- what the face shows


def test_synthesis_shows_a_clicked_point_and_leaves_the_rest(
    fitted: SynthesisWorkspace, photo: FittedPhoto, qtbot: QtBot
) -> None:
    qtbot.mouseClick(fitted.panel.pad, Qt.MouseButton.LeftButton, pos=place(fitted, -0.6, 0.6))
    whole = wait_whole(fitted, qtbot)
    assert fitted.panel.asked.va == pytest.approx((-0.6, 0.6), abs=0.02)
    assert fitted.panel.path is None
    before, after = photo.full.image_rgb_u8, whole.image_rgb_u8
    changed = np.abs(before.astype(int) - after).max(axis=2)
    assert changed.max() > 40
    fit = photo.full.fit
    outside = np.ones(changed.shape, bool)
    outside[fit.top_px :, fit.left_px :][: fit.region_rgb_u8.shape[0], : fit.region_rgb_u8.shape[1]] = False
    assert changed[outside].max() == 0
    assert fitted.view.describe() == "built-in portrait, synthesised: valence -0.60, arousal +0.60"


def test_synthesis_follows_the_pointer_while_a_path_is_drawn(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    pad = fitted.panel.pad
    shown: list[Rendered] = []
    fitted.renderer.shown.connect(shown.append)
    qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=place(fitted, -0.7, 0.0))
    for step in range(30):
        qtbot.mouseMove(pad, place(fitted, -0.7 + step * 0.045, 0.5 * np.sin(step / 5)))
        qtbot.wait(10)
    assert len(shown) >= 2, "the face does not move before the button is let go"
    assert all(rendered.preview for rendered in shown)
    qtbot.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=place(fitted, 0.6, 0.0))
    path = fitted.panel.path
    assert path is not None
    assert len(path) > 10
    assert path[0] == pytest.approx((-0.7, 0.0), abs=0.03)
    assert path[-1, 0] == pytest.approx(0.6, abs=0.05)
    assert fitted.player.count == 100
    assert fitted.transport._what.text() == "along the path"


def test_synthesis_renders_only_the_newest_of_many_wishes(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    shown: list[Rendered] = []
    fitted.renderer.shown.connect(shown.append)
    for step in range(400):
        fitted.panel.pad._ask((step / 400, 0.5))
    last = fitted.renderer._newest
    assert last is not None
    qtbot.waitUntil(lambda: bool(shown) and shown[-1].order.number == last.number, timeout=PATIENCE_MS)
    assert len(shown) < 100
    numbers = [rendered.order.number for rendered in shown]
    assert numbers == sorted(numbers)


def test_synthesis_expression_buttons_take_turns_with_the_plane(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    buttons = {b.text(): b for b in fitted.panel.expressions.findChildren(QToolButton)}
    assert list(buttons) == ["Happiness", "Surprise", "Sadness", "Anger", "Disgust", "Fear"]
    qtbot.mouseClick(buttons["Anger"], Qt.MouseButton.LeftButton)
    assert fitted.panel.asked.expression == "anger"
    assert fitted.panel.pad.point is None
    qtbot.mouseClick(buttons["Fear"], Qt.MouseButton.LeftButton)
    assert not buttons["Anger"].isChecked()
    assert fitted.transport._what.text() == "fear and back"
    qtbot.mouseClick(fitted.panel.pad, Qt.MouseButton.LeftButton, pos=place(fitted, 0.5, 0.5))
    assert fitted.panel.asked.expression is None
    assert not buttons["Fear"].isChecked()
    fitted.panel.expressions.keyed_actions[0].trigger()
    assert fitted.panel.asked.expression == "happiness"
    fitted.panel.expressions.keyed_actions[0].trigger()
    assert fitted.panel.asked.expression is None


def test_synthesis_without_intensity_is_the_photograph(
    fitted: SynthesisWorkspace, photo: FittedPhoto, qtbot: QtBot
) -> None:
    fitted.panel.expressions.keyed_actions[1].trigger()
    strong = wait_whole(fitted, qtbot)
    fitted.panel.intensity.intensity = 0.0
    none = wait_whole(fitted, qtbot)
    assert np.abs(strong.image_rgb_u8.astype(int) - photo.full.image_rgb_u8).max() > 40
    np.testing.assert_array_equal(none.image_rgb_u8, photo.full.image_rgb_u8)


def test_synthesis_plane_can_be_used_with_keys(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    pad = fitted.panel.pad
    pad.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up):
        qtbot.keyClick(pad, key)
    qtbot.keyClick(pad, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert fitted.panel.asked.va == (0.1, 0.04)
    qtbot.keyClick(pad, Qt.Key.Key_Home)
    qtbot.keyClick(pad, Qt.Key.Key_Return)
    qtbot.keyClick(pad, Qt.Key.Key_Left)
    qtbot.keyClick(pad, Qt.Key.Key_Return)
    np.testing.assert_allclose(fitted.panel.path, [(0, 0), (-0.05, 0)], atol=1e-6)
    assert pad.describe() == "valence -0.1, arousal +0.0, a path of 2 points"
    qtbot.keyClick(pad, Qt.Key.Key_Delete)
    assert fitted.panel.path is None
    for _ in range(30):
        qtbot.keyClick(pad, Qt.Key.Key_Left)
    assert fitted.panel.asked.va == (-1.0, 0.0)


def test_synthesis_shift_click_makes_a_path_of_corners(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    for valence in (0.4, 0.8):
        qtbot.mouseClick(
            fitted.panel.pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, place(fitted, valence, 0.2)
        )
    path = fitted.panel.path
    assert path is not None
    np.testing.assert_allclose(path, [(0, 0), (0.4, 0.2), (0.8, 0.2)], atol=0.02)
    clear = next(b for b in fitted.panel.findChildren(QPushButton) if b.text() == "Clear path")
    qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert fitted.panel.path is None
    assert not clear.isEnabled()
    fitted.panel.undo.trigger()
    np.testing.assert_array_equal(fitted.panel.path, path)
    fitted.panel.undo.trigger()
    np.testing.assert_array_equal(fitted.panel.path, path[:2])
    fitted.panel.undo.trigger()
    assert fitted.panel.path is None
    assert not fitted.panel.undo.isEnabled()


def test_synthesis_original_shows_while_it_is_held(
    fitted: SynthesisWorkspace, photo: FittedPhoto, qtbot: QtBot
) -> None:
    fitted.panel.expressions.keyed_actions[1].trigger()
    whole = wait_whole(fitted, qtbot)
    assert fitted.view.picture is whole.image_rgb_u8
    compare = next(b for b in fitted.findChildren(QToolButton) if b.text() == "Hold to compare")
    for press, release in (
        (
            lambda: qtbot.mousePress(compare, Qt.MouseButton.LeftButton),
            lambda: qtbot.mouseRelease(compare, Qt.MouseButton.LeftButton),
        ),
        (
            lambda: qtbot.mousePress(fitted.view, Qt.MouseButton.LeftButton),
            lambda: qtbot.mouseRelease(fitted.view, Qt.MouseButton.LeftButton),
        ),
        (lambda: qtbot.keyPress(fitted, Qt.Key.Key_C), lambda: qtbot.keyRelease(fitted, Qt.Key.Key_C)),
    ):
        press()
        assert fitted.view.picture is photo.full.image_rgb_u8
        assert fitted.view.describe() == "built-in portrait, original"
        release()
        assert fitted.view.picture is whole.image_rgb_u8


# --- playing


def test_synthesis_plays_along_the_path_and_stops_at_its_end(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    fitted.transport.loop.setChecked(False)
    fitted.transport._duration.setValue(0.6)
    fitted.panel.path = np.array([(-0.5, 0.0), (0.5, 0.5)], np.float32)
    assert fitted.player.count == 15
    due: list[int] = []
    points: list[tuple[float, float] | None] = []
    fitted.player.frame_due.connect(due.append)
    fitted.player.frame_due.connect(lambda index: points.append(fitted.panel.pad.point))
    with qtbot.waitSignal(fitted.player.state_changed, timeout=PATIENCE_MS, check_params_cb=lambda on: not on):
        fitted.transport.play.trigger()
        assert fitted.transport.play.isChecked()
    assert due[-1] == 14
    assert due == sorted(due)
    assert points[-1] == pytest.approx((0.5, 0.5), abs=1e-3)
    assert not fitted.transport.play.isChecked()
    assert fitted.transport._place.value() == 14


def test_synthesis_playing_loops_and_pauses(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    fitted.transport._duration.setValue(0.5)
    fitted.panel.expressions.keyed_actions[0].trigger()
    due: list[int] = []
    fitted.player.frame_due.connect(due.append)
    fitted.transport.play.trigger()
    qtbot.waitUntil(lambda: any(b < a for a, b in pairwise(due)), timeout=PATIENCE_MS)
    fitted.transport.play.trigger()
    assert not fitted.player.running
    count = len(due)
    qtbot.wait(100)
    assert len(due) == count
    fitted.transport._place.setValue(3)
    assert due[-1] == 3
    fitted.transport.play.trigger()
    qtbot.mouseClick(fitted.panel.pad, Qt.MouseButton.LeftButton, pos=place(fitted, 0.2, 0.2))
    assert not fitted.player.running, "what is asked for by hand ends playing"


def test_synthesis_goes_on_playing_when_the_intensity_changes(fitted: SynthesisWorkspace, qtbot: QtBot) -> None:
    fitted.panel.expressions.keyed_actions[1].trigger()
    fitted.transport.play.trigger()
    before = fitted._exportable()
    fitted.panel.intensity.intensity = 0.5
    assert fitted.player.running
    now = fitted._exportable()
    assert before is not None
    assert now is not None
    np.testing.assert_allclose(now.sequence.weights, 0.5 * before.sequence.weights, atol=1e-6)
    fitted.player.seek(50)
    np.testing.assert_allclose(fitted._weights, now.sequence.weights[50], atol=1e-6)
    fitted.hide()
    assert not fitted.player.running, "nothing plays that nobody sees"


def test_synthesis_picture_plane_and_slider_agree_after_playing(fitted: SynthesisWorkspace, photo: FittedPhoto) -> None:
    panel, place_of = fitted.panel, fitted.transport._place

    def assert_frame(index: int) -> None:
        assert fitted._sequence is not None
        expected = panel.asked.intensity * fitted._sequence.weights[index]
        np.testing.assert_allclose(fitted._weights, expected, atol=1e-6)
        assert panel.pad.point == pytest.approx(tuple(fitted._sequence.va[index]), abs=1e-6)
        assert place_of.value() == index

    def assert_wish() -> None:
        np.testing.assert_array_equal(fitted._weights, panel.asked.weights(photo.model))
        assert panel.pad.point == panel.asked.va
        assert place_of.value() == 0

    panel.path = np.array([(-0.5, 0.0), (0.5, 0.5)], np.float32)
    place_of.setValue(99)
    assert_frame(99)
    panel.intensity.intensity = 0.5
    assert_frame(99)
    fitted.transport._duration.setValue(2.0)
    assert_frame(49)
    fitted.runner.fitted.emit(photo)
    assert_wish()
    place_of.setValue(20)
    panel.pad.clear_path()
    assert_wish()
    panel.undo.trigger()
    fitted.transport.play.trigger()
    fitted.player.seek(30)
    panel.pad.clear_path()
    assert not fitted.player.running
    assert_wish()
    panel.undo.trigger()
    fitted.player.seek(10)
    panel.neutral.trigger()
    assert_wish()


def test_synthesis_has_nothing_to_play_at_the_origin(fitted: SynthesisWorkspace) -> None:
    fitted.panel.neutral.trigger()
    assert fitted.player.count == 0
    assert not fitted.transport.play.isEnabled()
    assert not fitted.exports.video.isEnabled()
    assert fitted.exports.image.isEnabled()


# --- what is remembered, and how it is used without a mouse


def test_synthesis_remembers_path_timing_and_photograph(
    make_space: MakeSpace, photo: FittedPhoto, portrait: Photograph, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "me & you.png"
    write_image(file, portrait.image_rgb_u8)
    space = make_space()
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.open_paths([file])
    space.transport._duration.setValue(7.5)
    space.transport._rate.setCurrentIndex(0)
    space.transport.loop.setChecked(False)
    space.panel.intensity.intensity = 0.7
    space.panel.path = np.array([(0.1, 0.2), (0.3, 0.4)], np.float32)
    space.shutdown()
    space._store.sync()
    again = make_space()
    assert again.transport.duration_s == 7.5
    assert again.transport.frame_rate_hz == 10
    assert not again.player.loop
    assert again.panel.asked.intensity == 0.7
    np.testing.assert_allclose(again.panel.path, [(0.1, 0.2), (0.3, 0.4)], atol=1e-3)
    last = next(b for b in again.findChildren(QPushButton) if b.text() == "Open me && you.png again")
    with qtbot.waitSignal(again.runner.fitted, timeout=PATIENCE_MS):
        qtbot.mouseClick(last, Qt.MouseButton.LeftButton)


def test_synthesis_survives_nonsense_in_its_settings(make_space: MakeSpace, tmp_path: Path) -> None:
    store = QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)
    for name, value in (
        ("duration_s", "nan"),
        ("frame_rate_hz", "many"),
        ("intensity", "99"),
        ("path", '[[5, 5], ["x"]]'),
        ("photograph", "/nowhere/at/all.png"),
    ):
        store.setValue(f"synthesis/{name}", value)
    store.sync()
    space = make_space()
    assert space.transport.duration_s == 4.0
    assert space.transport.frame_rate_hz == 25
    assert space.panel.asked.intensity == 1.5
    assert space.panel.path is None


def test_synthesis_names_everything_that_can_be_reached(fitted: SynthesisWorkspace) -> None:
    buttons = [*fitted.findChildren(QToolButton), *fitted.findChildren(QPushButton)]
    shown = [button for button in buttons if button.isVisible() and not fitted.notice.isAncestorOf(button)]
    assert len(shown) > 15
    for button in shown:
        assert button.accessibleName() or button.text(), button
        assert button.toolTip(), button.text()
    keys = [keys.toString() for action in fitted.actions() for keys in action.shortcuts()]
    assert len(keys) == len(set(keys))
    assert QKeySequence("Space").toString() in keys
