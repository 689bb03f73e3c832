from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.cli import main
from fer_core.models.face_model import face_model
from fer_core.models.morphable import MorphableModel
from fer_core.models.wavefront import read_wavefront

PORTRAIT = asset_path("demo", "portrait.jpg")


def run(*arguments: object) -> int:
    return main(["morphable", *map(str, arguments)])


def without_landmarks(path: Path) -> Path:
    """A model as Basel's and LSFM's are: landmarks are not named."""
    model = face_model()
    MorphableModel(model.shape, model.triangles, expression=model.expression, source="made").save(path)
    return path


def test_morphable_tells_what_a_model_holds_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    kept, mesh = tmp_path / "kept.npz", tmp_path / "mean.obj"
    assert run(without_landmarks(tmp_path / "own.npz"), "--save", kept, "--mesh", mesh) == 0
    printed = capsys.readouterr().out
    assert "none named" in printed
    assert str(len(face_model().shape.variances)) in printed
    np.testing.assert_allclose(MorphableModel.load(kept).shape.mean, face_model().shape.mean, atol=1e-3)
    vertices, triangles = read_wavefront(mesh)
    np.testing.assert_allclose(vertices, face_model().shape.mean * (1, -1, -1), atol=1e-3)
    np.testing.assert_array_equal(triangles, face_model().triangles)


@pytest.mark.parametrize("shipped", [True, False])
def test_morphable_fits_a_photograph(shipped: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    if not shipped:
        pytest.importorskip("scipy", reason="finding landmarks needs scipy")
    model, mesh = "shipped" if shipped else without_landmarks(tmp_path / "own.npz"), tmp_path / "face.obj"
    assert run(model, "--fit", PORTRAIT, "--mesh", mesh) == 0
    error_px = float(capsys.readouterr().out.split("landmarks met to ")[1].split(" px")[0])
    height_px = cv2.imread(str(PORTRAIT)).shape[0]
    assert error_px < 0.02 * height_px
    vertices, _ = read_wavefront(mesh)
    moved = np.abs(vertices - face_model().shape.mean * (1, -1, -1)).max()
    assert 0.1 < moved < 5  # cm: this person, not the mean


def test_morphable_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "text.ply").write_text("ply")
    for arguments, words in (
        ((tmp_path / "none.mat",), "no such file or folder"),
        ((tmp_path / "text.ply",), "none of a morphable model"),
        (("shipped", "--fit", tmp_path / "grey.png"), "no face found"),
        (("shipped", "--fit", tmp_path / "none.png"), "none.png"),
    ):
        assert run(*arguments) == 1
        assert words in capsys.readouterr().err
