"""What can be said of the frozen program without building it."""

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fer_studio import doctor

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"

FACES = """
import json, sys
import av
from fer_core.faces.tracker import FaceTracker
with av.open(sys.argv[1]) as container:
    image = next(container.decode(video=0)).to_ndarray(format="rgb24")
with FaceTracker(1) as tracker:
    (face,) = tracker.update(image, 0.0)
print(json.dumps([face.landmarks_px.tolist(), "matplotlib" in sys.modules]))
"""


@pytest.fixture(scope="module")
def spec() -> ast.Module:
    path = PACKAGING / "fer-studio.spec"
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    compile(tree, str(path), "exec")
    return tree


def constant(spec: ast.Module, name: str):
    for node in spec.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"the spec has no {name}")


def test_spec_names_asset_folders_that_exist(spec):
    for folder in constant(spec, "ASSETS"):
        assert (ROOT / "assets" / folder).is_dir(), folder


def test_spec_names_mediapipe_files_that_exist(spec):
    package = Path(find_spec("mediapipe").origin).parent
    files = constant(spec, "MEDIAPIPE_FILES")
    assert [f for f in files if not (package / f).is_file()] == []
    assert f"modules/{doctor._MEDIAPIPE_MODEL}" in files


def test_spec_carries_the_versions_that_doctor_shows(spec):
    assert set(constant(spec, "DISTRIBUTIONS")) == {"fer-studio", *doctor.PACKAGES}


def test_scripts_compile():
    for path in PACKAGING.rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_bare_mediapipe_measures_the_same():
    clip = str(ROOT / "assets" / "demo" / "demo.mp4")

    def faces(program: str):
        paths = f"import sys; sys.path[:0] = {[str(ROOT / 'app'), str(ROOT / 'core')]}\n"
        run = subprocess.run(
            [sys.executable, "-c", paths + program, clip], check=True, capture_output=True, text=True, timeout=300
        )
        return json.loads(run.stdout)

    hook = (PACKAGING / "frozen_mediapipe.py").read_text(encoding="utf-8")
    bare, bare_loads_matplotlib = faces(hook + FACES)
    full, _ = faces(FACES)
    assert len(bare) == 468
    assert bare == full
    assert not bare_loads_matplotlib
