import numpy as np
import pytest

from fer_core.augment.affect3d import SynthesisError, Target
from fer_core.augment.affect3d.model import affect_model, read_model, write_model
from fer_core.augment.affect3d.target import va_weights


def test_expression_intensity_scales_the_movements() -> None:
    model = affect_model()
    full, half = (Target.expression("fear", i).weights(model) for i in (1.0, 0.5))
    assert np.allclose(half, full / 2)
    assert full.max() > 0.5


def test_va_weights_are_nothing_at_the_origin_and_continuous() -> None:
    model = affect_model()
    assert np.all(va_weights(np.zeros((1, 2), np.float32), model) == 0)
    angle = np.linspace(0, 2 * np.pi, 721)
    ring = 0.7 * np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    line = np.stack([np.linspace(-1, 1, 721), np.full(721, 0.05)], axis=1).astype(np.float32)
    for points in (ring, line):
        weights = va_weights(points, model)
        assert np.abs(np.diff(weights, axis=0)).max() < 0.12


def test_va_weights_smile_on_the_right_and_frown_on_the_left() -> None:
    model = affect_model()
    units = list(model.unit_names)
    right, left = va_weights(np.array([[0.6, 0.3], [-0.6, 0.4]], np.float32), model)
    assert right[units.index("au12")] > 0.5 > left[units.index("au12")]
    assert left[units.index("au04")] > 0.4 > right[units.index("au04")]


@pytest.mark.parametrize("va", [(1.2, 0), (0, -1.01), (float("nan"), 0)])
def test_point_outside_the_plane_is_refused(va: tuple[float, float]) -> None:
    with pytest.raises(SynthesisError, match=r"-1\.\.1"):
        Target.point(*va)


def test_intensity_out_of_range_is_refused() -> None:
    with pytest.raises(SynthesisError, match="intensity 2"):
        Target.expression("anger", 2.0)


def test_model_survives_writing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = affect_model()
    write_model(tmp_path / "m.npz", model)
    again = read_model(tmp_path / "m.npz")
    assert np.abs(again.unit_log_ratios - model.unit_log_ratios).max() <= 0.0051
    assert np.abs(again.unit_shapes_cm - model.unit_shapes_cm).max() < 0.001
    assert np.array_equal(again.class_weights, model.class_weights)
