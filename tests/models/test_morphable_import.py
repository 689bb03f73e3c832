import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_core.models.face_model import face_model
from fer_core.models.morphable_files import MorphableImportError
from fer_core.models.morphable_import import basel_statismo, import_morphable

io = pytest.importorskip("scipy.io", reason="reading .mat needs scipy")
N, K, T = 9, 4, 5
RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=(N, 3))
BASIS = np.linalg.qr(RNG.normal(size=(3 * N, K)))[0]
CELLS = RNG.integers(0, N, (T, 3))
AXES = np.array([1, -1, -1])


def lsfm() -> dict[str, Any]:
    """As ``MODELS.md`` of the LSFM describes its files."""
    return {
        "mean": MEAN.reshape(1, -1),
        "components": BASIS,
        "eigenvalues": np.array([[9.0, 4.0, 1.0, 0.25]]),
        "cumulative_explained_variance": np.array([[0.6, 0.9, 0.99, 0.997]]),
        "trilist": CELLS.astype(np.uint32),
        "n_training_samples": 8402,
    }


def basel_2009() -> dict[str, Any]:
    """As ``01_MorphableModel.mat``: columns, micrometres, standard deviations, triangles from 1, segments."""
    return {
        "shapeMU": 1e4 * MEAN.reshape(-1, 1),
        "shapePC": BASIS.astype(np.float32),
        "shapeEV": np.array([[3e4], [2e4], [1e4], [5e3]]),
        "texMU": RNG.uniform(0, 255, (3 * N, 1)),
        "texPC": BASIS.astype(np.float32),
        "texEV": np.array([[30.0], [20.0], [10.0], [5.0]]),
        "tl": (CELLS + 1).astype(np.float64),
        "segbin": np.zeros((N, 4)),
    }


def basel_2017() -> dict[str, Any]:
    """Data sets of a Statismo file under their full names; cells are (3, T) there."""
    part = {"mean": 10 * MEAN.ravel(), "pcaBasis": BASIS, "pcaVariance": np.array([900.0, 400, 100, 25])}
    names = {f"{p}/model/{name}": value for p in ("shape", "color", "expression") for name, value in part.items()}
    return names | {"shape/representer/cells": CELLS.T, "shape/representer/points": 10 * MEAN.T}


def test_import_of_lsfm(tmp_path: Path) -> None:
    io.savemat(tmp_path / "all_all_all.mat", lsfm())
    model = import_morphable(tmp_path / "all_all_all.mat")
    assert np.allclose(model.shape.mean, MEAN * AXES)
    assert np.allclose(model.shape.instance([2.0, -1.0]), (MEAN.ravel() + BASIS[:, :2] @ [2, -1]).reshape(N, 3) * AXES)
    assert np.array_equal(model.shape.variances, [9, 4, 1, 0.25])
    assert model.shape.explained == pytest.approx(0.997)
    assert np.array_equal(model.triangles, CELLS)
    assert model.texture is None
    assert "LSFM" in model.source


def test_import_of_basel_2009(tmp_path: Path) -> None:
    arrays = basel_2009()
    io.savemat(tmp_path / "01_MorphableModel.mat", arrays)
    model = import_morphable(tmp_path / "01_MorphableModel.mat")
    # Centimetres; one standard deviation of the file is one of the model.
    assert np.allclose(model.shape.mean, MEAN * AXES)
    deviation = (arrays["shapePC"][:, 0] * arrays["shapeEV"][0] * 1e-4).reshape(N, 3) * AXES
    assert np.allclose(np.sqrt(model.shape.variances[0]) * model.shape.components[0], deviation, atol=1e-6)
    assert np.array_equal(model.triangles, CELLS)
    assert model.texture is not None
    assert np.allclose(model.texture.mean.ravel(), arrays["texMU"].ravel())
    assert np.allclose(model.texture.variances, [900, 400, 100, 25])


def test_import_of_basel_2017(tmp_path: Path) -> None:
    model = basel_statismo(tmp_path / "model2017-1_bfm_nomouth.h5", basel_2017())
    assert np.allclose(model.shape.mean, MEAN * AXES)
    assert np.allclose(model.shape.variances, [9, 4, 1, 0.25])
    assert np.array_equal(model.triangles, CELLS)
    assert model.expression is not None
    assert np.allclose(model.expression.variances, [9, 4, 1, 0.25])
    assert model.texture is not None
    assert np.allclose(model.texture.mean, 10 * MEAN)


def test_import_of_basel_2019_without_expressions(tmp_path: Path) -> None:
    sets = {name: value for name, value in basel_2017().items() if not name.startswith("expression")}
    assert basel_statismo(tmp_path / "model2019_bfm.h5", sets).expression is None


def test_import_of_an_h5_file(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="reading .h5 needs h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for name, value in basel_2017().items():
            file[name] = value
    assert np.allclose(import_morphable(tmp_path / "m.h5").shape.mean, MEAN * AXES)


def test_import_of_an_h5_file_without_h5py_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(MorphableImportError, match="pip install h5py"):
        import_morphable(tmp_path / "m.h5")


def write_obj(path: Path, vertices: np.ndarray) -> None:
    lines = ["# made", "mtllib ICTFaceModelMaterial.mtl", "g face"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += ["vt 0.5 0.5", "vn 0 0 1", "f 1/1/1 2/1/1 3/1/1 4/1/1", "f 5//1 6//1 7//1", "f -1 -2 -3"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def ict_folder(tmp_path: Path) -> Path:
    """``FaceXModel`` with two people and two movements."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", MEAN)
    for k in range(2):
        write_obj(folder / f"identity{k:03d}.obj", MEAN + BASIS[:, k].reshape(N, 3))
    for k, name in enumerate(("jawOpen", "mouthSmile_L")):
        write_obj(folder / f"{name}.obj", MEAN + BASIS[:, 2 + k].reshape(N, 3))
    index = {"expressions": ["jawOpen", "mouthSmile_L"], "idx_to_landmark_verts": [3, 1, 4]}
    (folder / "vertex_indices.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def test_import_of_ict_facekit(ict_folder: Path) -> None:
    model = import_morphable(ict_folder)
    assert np.allclose(model.shape.mean, MEAN * AXES, atol=1e-5)
    assert np.allclose(model.shape.instance([0, 1.5]), (MEAN + 1.5 * BASIS[:, 1].reshape(N, 3)) * AXES, atol=1e-5)
    assert model.expression_names == ("jawOpen", "mouthSmile_L")
    assert model.expression is not None
    assert np.allclose(model.expression.components[0], BASIS[:, 2].reshape(N, 3) * AXES, atol=1e-5)
    assert np.array_equal(model.landmarks, [3, 1, 4])
    assert np.array_equal(model.triangles, [[0, 1, 2], [0, 2, 3], [4, 5, 6], [8, 7, 6]])


def test_import_of_ict_facekit_in_one_file(tmp_path: Path) -> None:
    people, moves = (BASIS.T[rows].reshape(-1, N, 3) for rows in (slice(0, 2), slice(2, 4)))
    np.savez(tmp_path / "ict.npz", neutral=MEAN, identity=people, expression=moves, triangles=CELLS)
    model = import_morphable(tmp_path / "ict.npz")
    assert np.allclose(model.shape.components, people * AXES)
    # Nine vertices have no place for the landmarks of the whole mesh.
    assert model.landmarks is None


def test_import_of_what_this_program_wrote(tmp_path: Path) -> None:
    face_model().save(tmp_path / "own.npz")
    assert np.allclose(import_morphable(tmp_path / "own.npz").shape.mean, face_model().shape.mean)


@pytest.mark.parametrize(
    ("made", "field"), [(lsfm, "eigenvalues"), (lsfm, "trilist"), (basel_2009, "shapeEV"), (basel_2009, "tl")]
)
def test_import_names_the_missing_field(tmp_path: Path, made: Any, field: str) -> None:
    io.savemat(tmp_path / "m.mat", {name: value for name, value in made().items() if name != field})
    with pytest.raises(MorphableImportError, match=rf"m\.mat: {field} missing"):
        import_morphable(tmp_path / "m.mat")


def test_import_names_the_missing_data_set(tmp_path: Path) -> None:
    sets: Mapping[str, Any] = {n: v for n, v in basel_2017().items() if n != "color/model/pcaVariance"}
    with pytest.raises(MorphableImportError, match="color/model/pcaVariance missing"):
        basel_statismo(tmp_path / "m.h5", sets)


def test_import_names_the_missing_file_of_ict_facekit(ict_folder: Path) -> None:
    (ict_folder / "mouthSmile_L.obj").unlink()
    with pytest.raises(MorphableImportError, match=r"mouthSmile_L\.obj missing"):
        import_morphable(ict_folder)
    (ict_folder / "vertex_indices.json").unlink()
    with pytest.raises(MorphableImportError, match=r"vertex_indices\.json is missing"):
        import_morphable(ict_folder)


def test_import_refuses_sizes_that_do_not_fit(tmp_path: Path) -> None:
    io.savemat(tmp_path / "m.mat", lsfm() | {"components": BASIS[:-3]})
    with pytest.raises(MorphableImportError, match=r"components \(24, 4\)"):
        import_morphable(tmp_path / "m.mat")
    io.savemat(tmp_path / "m.mat", lsfm() | {"trilist": CELLS + N})
    with pytest.raises(MorphableImportError, match="do not fit 9 vertices"):
        import_morphable(tmp_path / "m.mat")
    io.savemat(tmp_path / "m.mat", basel_2009() | {"tl": np.zeros((2, 3))})
    with pytest.raises(MorphableImportError, match="counts from 1"):
        import_morphable(tmp_path / "m.mat")


def test_import_names_a_damaged_file_and_the_remedy(ict_folder: Path, tmp_path: Path) -> None:
    people = BASIS.T.reshape(-1, N, 3)
    arrays = {"neutral": MEAN, "identity": people, "expression": people, "triangles": CELLS}
    np.savez(tmp_path / "whole.npz", **arrays)
    np.save(tmp_path / "one.npy", MEAN)
    io.savemat(tmp_path / "whole.mat", lsfm())
    npz, mat = (tmp_path / "whole.npz").read_bytes(), (tmp_path / "whole.mat").read_bytes()
    data = npz.index(MEAN.tobytes())
    flipped = npz[:data] + bytes([npz[data] ^ 1]) + npz[data + 1 :]
    for content in (b"", npz[: len(npz) // 2], npz[:-40], flipped, (tmp_path / "one.npy").read_bytes()):
        (tmp_path / "m.npz").write_bytes(content)
        with pytest.raises(MorphableImportError, match=r"m\.npz: no \.npz, or a damaged one \(.*download it again"):
            import_morphable(tmp_path / "m.npz")
    for content in (b"", mat[:60], mat[: len(mat) // 2], mat[:128] + b"\x63" + mat[129:]):
        (tmp_path / "m.mat").write_bytes(content)
        with pytest.raises(MorphableImportError, match=r"m\.mat: .* or a damaged one \(.*download it again"):
            import_morphable(tmp_path / "m.mat")
    np.savez(tmp_path / "m.npz", **(arrays | {"identity": np.array(["a", "b"])}))
    with pytest.raises(MorphableImportError, match=r"m\.npz: identity holds <U1 and no numbers"):
        import_morphable(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", **(arrays | {"neutral": np.array(3.0)}))
    with pytest.raises(MorphableImportError, match=r"m\.npz: neutral is \(\), needed is \(N, 3\)"):
        import_morphable(tmp_path / "m.npz")
    index = ict_folder / "vertex_indices.json"
    index.write_text(index.read_text(encoding="utf-8")[:20], encoding="utf-8")
    with pytest.raises(MorphableImportError, match=r"vertex_indices\.json: no JSON, or not all of it"):
        import_morphable(ict_folder)


def test_import_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        import_morphable(tmp_path / "absent.mat")
    (tmp_path / "m.ply").touch()
    with pytest.raises(MorphableImportError, match=r"\.ply is none"):
        import_morphable(tmp_path / "m.ply")
    (tmp_path / "m.mat").write_bytes(b"no MATLAB file, but longer than a header" * 9)
    with pytest.raises(MorphableImportError, match="not a MATLAB file"):
        import_morphable(tmp_path / "m.mat")
    io.savemat(tmp_path / "m.mat", {"other": 1})
    with pytest.raises(MorphableImportError, match="it holds other"):
        import_morphable(tmp_path / "m.mat")
    np.savez(tmp_path / "m.npz", neutral=MEAN)
    with pytest.raises(MorphableImportError, match="identity, expression, triangles missing"):
        import_morphable(tmp_path / "m.npz")
