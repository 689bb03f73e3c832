import pytest

from fer_core import assets
from fer_core.assets import asset_path


def test_asset_path_finds_the_shipped_clip():
    path = asset_path("demo", "demo.mp4")
    assert path.is_absolute()
    assert path.stat().st_size > 1000


def test_asset_path_looks_in_the_package_first(tmp_path, monkeypatch):
    package, checkout = tmp_path / "package", tmp_path / "checkout"
    monkeypatch.setattr(assets, "_ROOTS", (package, checkout))
    for root in (checkout, package):
        (root / "models").mkdir(parents=True)
        (root / "models" / "a.onnx").touch()
        assert asset_path("models", "a.onnx") == root / "models" / "a.onnx"


def test_asset_path_names_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "_ROOTS", (tmp_path / "one", tmp_path / "two"))
    with pytest.raises(
        FileNotFoundError, match=r"models/b\.onnx is neither at .*one.* nor .*two.*; reinstall fer-studio"
    ):
        asset_path("models", "b.onnx")
