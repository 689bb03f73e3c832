"""Parts of Synthesis that have rules of their own: size of the preview, refusals, playing in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from fer_core.augment import affect3d
from fer_core.augment.affect3d.sequence import write_image
from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.pose import rotation_of
from fer_core.media.errors import MediaError
from fer_core.types import Affect, Pose
from fer_studio.engines import SharedEngine
from fer_studio.synthesis import export_bar
from fer_studio.synthesis.asked import Asked
from fer_studio.synthesis.export_bar import Exportable, SynthesisExportBar
from fer_studio.synthesis.expression_buttons import IntensitySlider
from fer_studio.synthesis.fit_runner import FitRunner, problem_of
from fer_studio.synthesis.fitted import FittedPhoto, fit_levels
from fer_studio.synthesis.fitter import PhotoFitter, PhotoProblem, is_neutral
from fer_studio.synthesis.look_panel import LookPanel
from fer_studio.synthesis.photograph import MAX_SIDE_PX, built_in_portrait, photograph, read_photograph
from fer_studio.synthesis.player import SequencePlayer
from fer_studio.synthesis.remembered import Remembered
from fer_studio.synthesis.renderer import PREVIEW_BUDGET_S, PreviewLevel
from fer_studio.workers.control import Cancelled

PATIENCE_MS = 20_000
NEUTRAL_FIRST = ("neutral", "happiness")


@pytest.fixture(scope="module")
def fitter() -> Iterator[PhotoFitter]:
    made = PhotoFitter(SharedEngine(device="cpu"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def photo(fitter: PhotoFitter) -> FittedPhoto:
    return fitter.fit(built_in_portrait(), lambda share, text: None, lambda: False)


@dataclass
class FakeLevel:
    changing_px: int


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> LookPanel:
    """With anger chosen."""
    made = LookPanel(Remembered(QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)))
    qtbot.addWidget(made)
    made.resize(400, 600)
    made.show()
    made.expressions.keyed_actions[3].trigger()
    return made


def rendered(photo: object, level: int, took_s: float, weight: float = 1.0) -> SimpleNamespace:
    order = SimpleNamespace(photo=photo, weights=np.array([0.0, weight], np.float32))
    return SimpleNamespace(order=order, level=level, took_s=took_s)


@pytest.mark.parametrize(("px_per_s", "expected"), [(1e9, 3), (6e6, 1), (1e5, 0)])
def test_preview_is_as_large_as_the_machine_can_follow(px_per_s: float, expected: int) -> None:
    fake = SimpleNamespace(levels=[FakeLevel(side**2) for side in (256, 360, 512, 2000)])
    level = PreviewLevel()
    for _ in range(60):
        now = level.choose(fake)
        level.learn(rendered(fake, now, fake.levels[now].changing_px / px_per_s))
    assert level.choose(fake) == expected
    if expected:
        assert fake.levels[expected].changing_px / px_per_s <= PREVIEW_BUDGET_S


def test_preview_learns_nothing_from_pictures_in_which_nothing_moves() -> None:
    fake = SimpleNamespace(levels=[FakeLevel(side**2) for side in (256, 360, 512, 2000)])
    level = PreviewLevel()
    first = level.choose(fake)
    for _ in range(60):
        level.learn(rendered(fake, first, 1e-4, weight=0.0))
    assert level.choose(fake) == first


def test_shift_click_while_an_expression_is_chosen_plays_the_path(panel: LookPanel, qtbot: QtBot) -> None:
    plays: list[str] = []
    panel.changed.connect(lambda: plays.append(panel.asked.what_plays(panel.path)))
    here = panel.pad.to_widget(0.4, 0.2).toPoint()
    qtbot.mouseClick(panel.pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, here)
    assert panel.path is not None
    assert panel.asked.expression is None
    assert plays[-1] == "along the path"


def test_giving_up_a_drawing_leaves_the_point_at_rest(panel: LookPanel, qtbot: QtBot) -> None:
    plays: list[str] = []
    panel.changed.connect(lambda: plays.append(panel.asked.what_plays(panel.path)))
    pad = panel.pad
    qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=pad.to_widget(-0.5, 0.0).toPoint())
    for valence in (0.0, 0.5):
        qtbot.mouseMove(pad, pad.to_widget(valence, 0.5).toPoint())
    qtbot.waitUntil(lambda: len(pad._drawing) > 2, timeout=PATIENCE_MS)
    qtbot.keyClick(pad, Qt.Key.Key_Escape)
    assert plays == ["to the point and back"]
    qtbot.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=pad.to_widget(0.5, 0.5).toPoint())
    assert panel.path is None
    assert len(plays) == 1


@pytest.mark.parametrize("problem", [None, PhotoProblem("the face is too small; choose a larger photograph")])
def test_fit_that_ends_after_it_was_cancelled_is_thrown_away(problem: Exception | None, qtbot: QtBot) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def fit(*asked: object) -> str:
        begun.set()
        go_on.wait(30)
        if problem is not None:
            raise problem
        return "fitted"

    window = QWidget()
    qtbot.addWidget(window)
    runner = FitRunner(lambda: None, window)
    runner._fitter = SimpleNamespace(fit_other=fit, close=lambda: None)
    told: list[object] = []
    runner.fitted.connect(told.append)
    runner.failed.connect(told.append)
    runner.choose(SimpleNamespace(), 1)
    qtbot.waitUntil(begun.is_set, timeout=PATIENCE_MS)
    runner.cancel()
    with qtbot.waitSignal(runner.cancelled, timeout=PATIENCE_MS):
        go_on.set()
    assert (told, runner.busy) == ([], False)
    assert runner.shutdown()


def test_fitting_asks_between_sizes_whether_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    heights_px: list[int] = []

    def fit(image: np.ndarray, landmarks_px: np.ndarray) -> SimpleNamespace:
        heights_px.append(len(image))
        return SimpleNamespace(region_rgb_u8=image)

    monkeypatch.setattr(affect3d, "fit_mesh", fit)
    picture, mesh = np.zeros((1000, 1000, 3), np.uint8), np.zeros((468, 3), np.float32)
    with pytest.raises(Cancelled):
        fit_levels(picture, mesh, (), lambda: len(heights_px) == 2)
    assert heights_px == [1000, 256]


def test_fitted_levels_show_the_same_face(photo: FittedPhoto) -> None:
    full = photo.full.fit
    assert len(photo.levels) == 3
    for level in photo.levels:
        scale = level.image_rgb_u8.shape[0] / photo.full.image_rgb_u8.shape[0]
        np.testing.assert_allclose(level.fit.landmarks_px[:, :2], full.landmarks_px[:, :2] * scale, atol=0.01)
        box, whole = level.faces[0].face.box, photo.faces[0].face.box
        assert box.w_px == pytest.approx(whole.w_px * scale, abs=0.5)
    assert [level.changing_px for level in photo.levels] == sorted(level.changing_px for level in photo.levels)


def test_fitter_refuses_a_head_that_is_turned_too_far(fitter: PhotoFitter, photo: FittedPhoto) -> None:
    mesh = canonical_mesh()
    vertices = mesh.vertices_cm - mesh.rigid_weights @ mesh.vertices_cm
    turned = (vertices @ rotation_of(Pose(0.0, 42.0, 0.0)).T * 14 + [256, 230, 0]).astype(np.float32)
    face = photo.faces[0]
    away = replace(photo, faces=(replace(face, face=replace(face.face, landmarks_px=turned)),))
    with pytest.raises(PhotoProblem) as refused:
        fitter.fit_other(away, face.face.face_id, lambda: False)
    what, remedy = problem_of(refused.value)
    assert what.startswith("The head is turned by 4")
    assert remedy == "Choose a photograph from the front."


@pytest.mark.parametrize(
    ("probs", "va", "expected"),
    [((0.9, 0.1), (0.05, -0.1), True), ((0.9, 0.1), (0.3, 0.3), False), ((0.4, 0.6), (0.0, 0.0), False)],
)
def test_neutral_is_what_the_network_calls_so_near_the_origin(
    photo: FittedPhoto, probs: tuple[float, float], va: tuple[float, float], expected: bool
) -> None:
    affect = Affect(np.array(probs, np.float32), *va, np.zeros(3, np.float32))
    assert is_neutral(replace(photo.faces[0], affect=affect), NEUTRAL_FIRST) is expected
    assert is_neutral(replace(photo.faces[0], affect=None), NEUTRAL_FIRST)


def test_photograph_is_made_smaller_only_when_it_is_large() -> None:
    small = np.zeros((100, 200, 3), np.uint8)
    assert photograph("a", small).image_rgb_u8 is small
    large = photograph("b", np.zeros((3000, 6000, 3), np.uint8))
    assert large.image_rgb_u8.shape == (MAX_SIDE_PX // 2, MAX_SIDE_PX, 3)
    assert large.reduced_from_px == (6000, 3000)


def test_photograph_is_read_upright_and_refused_with_its_name(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", np.full((40, 60, 3), 77, np.uint8))
    assert read_photograph(tmp_path / "a.jpg").image_rgb_u8.shape == (40, 60, 3)
    with pytest.raises(MediaError, match=r"clip\.mp4: is a video.*choose a photograph"):
        read_photograph(tmp_path / "clip.mp4")


def test_asked_says_what_plays(photo: FittedPhoto) -> None:
    path = np.array([(0, 0), (0.5, 0.5)], np.float32)
    assert Asked().what_plays(None) == ""
    assert Asked((0.1, 0.0)).what_plays(None) == "to the point and back"
    assert Asked().what_plays(path) == "along the path"
    assert Asked(expression="fear").what_plays(path) == "fear and back"
    assert Asked(expression="fear", intensity=0.5).describe() == "fear, intensity 50%"
    half = Asked(expression="fear", intensity=0.5).weights(photo.model)
    np.testing.assert_allclose(2 * half, Asked(expression="fear").weights(photo.model), atol=1e-6)


def test_remembered_paths_that_cannot_be_looked_at_are_not_there(tmp_path: Path) -> None:
    remembered = Remembered(QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat))
    remembered.remember(photograph=tmp_path / "gone.png", export_folder=tmp_path)
    assert (remembered.photograph, remembered.export_folder) == (None, tmp_path)
    impossible = tmp_path / ("n" * 300)  # no system has such names: asking for it is an error
    remembered.remember(photograph=impossible, export_folder=impossible)
    assert (remembered.photograph, remembered.export_folder) == (None, None)


def test_intensity_keeps_room_for_its_figures_when_the_text_grows(qtbot: QtBot) -> None:
    slider = IntensitySlider(1.5)
    qtbot.addWidget(slider)
    font = slider.font()
    font.setPointSizeF(2 * font.pointSizeF())
    slider.setFont(font)
    assert slider._value.width() >= slider._value.fontMetrics().horizontalAdvance("150 %")


def test_export_replaces_no_file_whose_name_was_not_typed(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.png").write_text("mine")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked: (str(tmp_path / "mine"), ""))
    shown = SimpleNamespace(photograph=SimpleNamespace(path=None, name="me.png"))
    store = QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)
    exports = SynthesisExportBar(lambda: Exportable(shown, np.zeros(1, np.float32), None), Remembered(store))
    qtbot.addWidget(exports)
    with qtbot.waitSignal(exports.failed) as caught:
        exports.image.trigger()
    assert "mine.png: exists already; give its whole name to replace it" in caught.args[0]
    assert (exports.busy, (tmp_path / "mine.png").read_text()) == (False, "mine")


@pytest.mark.parametrize("kind", ["image", "images", "video"])
def test_export_writes_what_there_was_before_the_dialog(
    kind: str, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = (
        Exportable(
            SimpleNamespace(photograph=SimpleNamespace(path=None, name="me.png")),
            np.full(1, weight, np.float32),
            SimpleNamespace(),
        )
        for weight in (0.5, 1.0)
    )
    now, written = [before], []

    def choose(answer: object) -> object:
        now[:] = [after]
        return answer

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked: choose((str(tmp_path / "a.png"), "")))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *asked: choose(str(tmp_path)))
    monkeypatch.setattr(export_bar, f"export_{kind}", lambda photo, what, *where: written.append((photo, what)))
    store = QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)
    exports = SynthesisExportBar(lambda: now[0], Remembered(store))
    qtbot.addWidget(exports)
    with qtbot.waitSignal(exports.exported, timeout=PATIENCE_MS):
        getattr(exports, kind).trigger()
    ((photo, what),) = written
    assert photo is before.photo
    assert what is (before.weights if kind == "image" else before.sequence)
    assert exports.shutdown()


def test_player_leaves_frames_out_rather_than_being_late(qtbot: QtBot) -> None:
    player = SequencePlayer()
    player.set_sequence(50, 100.0)
    due: list[int] = []

    def slow(index: int) -> None:
        due.append(index)
        time.sleep(0.05)

    player.frame_due.connect(slow)
    start_s = time.monotonic()
    with qtbot.waitSignal(player.state_changed, timeout=PATIENCE_MS, check_params_cb=lambda on: not on):
        player.start()
    assert time.monotonic() - start_s >= 0.5
    assert len(due) <= 12
    assert due[-1] == 49
    player.start()
    assert due[-1] == 0, "from the beginning when it stood at the end"
    player.set_sequence(100, 100.0, same_place=True)
    assert player.running
    player.set_sequence(0, 100.0)
    assert not player.running
