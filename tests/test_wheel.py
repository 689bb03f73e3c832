"""The wheel, built and installed away from the checkout, does the main job with what it carries."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("build", reason="building the wheel needs the extra 'test'")

ROOT = Path(__file__).resolve().parents[1]
MODEL = "fer_core/assets/models/fer-studio.onnx"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_wheel_holds_model_demo_and_nothing_of_the_tests(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {MODEL, "fer_core/assets/demo/demo.mp4", "fer_core/assets/faces/mesh.npz"} <= set(names)
    assert "fer_studio/cli.py" in names
    assert not [n for n in names if n.startswith(("tests", "packaging", "app", "core"))]


@pytest.mark.slow
def test_wheel_installed_elsewhere_runs_the_demo(wheel: Path, tmp_path: Path):
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    code = (
        "import fer_core, sys; print(fer_core.__file__); from fer_studio.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-P", "-c", code, "demo", "-o", str(tmp_path / "out"), "--quiet"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[0]).is_relative_to(target)
    with (tmp_path / "out" / "demo.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["frame"] for row in rows}) == 180
    assert {"ok", "no_face"} <= {row["status"] for row in rows}
    assert json.loads((tmp_path / "out" / "demo.json").read_text(encoding="utf-8"))["complete"] is True


def test_packaging_folder_cannot_shadow_a_package():
    """``packaging`` is a package that pip, build and pytest import: ours must not be importable in its place."""
    scripts = {p.stem for p in (ROOT / "packaging").rglob("*.py")}
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert all(name.startswith(("make_", "frozen_")) for name in scripts)
