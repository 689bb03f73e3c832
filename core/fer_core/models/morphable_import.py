"""Reading morphable models that others made and a user owns.

===================  ==========================================================================================
ICT-FaceKit          the official folder ``FaceXModel`` of .obj files with ``vertex_indices.json`` (Li et al. 2020,
                     MIT), or the same arrays in one .npz
Basel Face Model     2009: ``01_MorphableModel.mat`` (Paysan et al. 2009); 2017 and 2019: .h5 in Statismo's layout
                     (Gerig et al. 2018)
LSFM                 ``all_all_all.mat`` and its kin (Booth et al. 2018), as its ``MODELS.md`` describes them
===================  ==========================================================================================

The licences of Basel and LSFM forbid passing the files on: nothing of them is stored unless the user writes the result.
Reading .mat needs scipy, reading .h5 needs h5py. All of these have y up and z towards the viewer; what is returned has
the axes of this project: x right in the image, y down, z away from the camera. Basel and LSFM name no landmarks: fit
them with ``vertices=find_landmarks(model)`` (:mod:`fer_core.models.landmark_search`) and the 68 points of
:func:`fer_core.record.ibug68.ibug68_from_mesh`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.models.linear_model import Doubles, LinearModel
from fer_core.models.morphable import MorphableModel
from fer_core.models.morphable_files import (
    Arrays,
    MorphableImportError,
    read_mat,
    read_npz,
    require,
    require_arrays,
)
from fer_core.models.wavefront import read_wavefront

#: Vertices of ICT-FaceKit on the 68 points of iBUG, from its ``vertex_indices.json``.
ICT_IBUG68 = (
    *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443),
    *(268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147),
    *(4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081),
    *(0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
)
_ICT_LANDMARKS = "idx_to_landmark_verts"
_FLIP = np.array([1.0, -1.0, -1.0])


def import_morphable(path: Path) -> MorphableModel:
    """Read a model by what it is: a folder of ICT-FaceKit, .npz, .mat or .h5.

    Raises:
        FileNotFoundError: when there is nothing at the path.
        MorphableImportError: when the file is none of the known layouts or damaged, when a field is missing, of a wrong
            size or of no numbers (the message names it), or when the library that reads it is not installed.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; give the model as its makers deliver it")
    if path.is_dir():
        return _ict_folder(path)
    readers: dict[str, Callable[[Path], MorphableModel]] = {".npz": _npz, ".mat": _mat, ".h5": _basel_h5}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise MorphableImportError(
            f"{path}: a name that ends in {path.suffix or 'nothing'} is none of a morphable model; give the folder "
            "FaceXModel of ICT-FaceKit, a .npz, Basel's .mat or .h5, or LSFM's .mat"
        )
    return reader(path)


def _npz(path: Path) -> MorphableModel:
    arrays = read_npz(path)
    if "format" in arrays:
        return MorphableModel.from_arrays(path, arrays)
    needed = ("neutral", "identity", "expression", "triangles")
    require_arrays(path, "ICT-FaceKit in one .npz", arrays, needed)
    neutral, identity, expression, triangles = (arrays[name] for name in needed)
    if neutral.ndim != 2 or neutral.shape[1] != 3:
        raise MorphableImportError(f"{path}: neutral is {neutral.shape}, needed is (N, 3)")
    names = tuple(str(n) for n in arrays.get("expression_names", ()))
    landmarks = ICT_IBUG68 if len(neutral) > max(ICT_IBUG68) else None
    return _ict(path, neutral, identity, expression, names, triangles, landmarks)


def _ict_folder(folder: Path) -> MorphableModel:
    neutral_path, index_path = folder / "generic_neutral_mesh.obj", folder / "vertex_indices.json"
    identities = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    for needed in (neutral_path, index_path):
        if not needed.exists():
            raise MorphableImportError(f"{folder}: {needed.name} is missing; give the folder FaceXModel of ICT-FaceKit")
    if not identities:
        raise MorphableImportError(f"{folder}: identity000.obj is missing; unpack all of FaceXModel of ICT-FaceKit")
    try:
        index = json.loads(index_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MorphableImportError(f"{index_path}: no JSON, or not all of it ({error}); unpack it again") from error
    require(index_path, "ICT-FaceKit", index, ("expressions", _ICT_LANDMARKS))
    names = [str(name) for name in index["expressions"]]
    absent = [name for name in names if not (folder / f"{name}.obj").exists()]
    if absent:
        raise MorphableImportError(f"{folder}: {', '.join(absent[:5])}.obj missing, which {index_path.name} names")
    neutral, triangles = read_wavefront(neutral_path)

    def displacements(paths: list[Path]) -> Doubles:
        return np.stack([_like(p, read_wavefront(p)[0], neutral) - neutral for p in paths])

    people, moves = displacements(identities), displacements([folder / f"{name}.obj" for name in names])
    return _ict(folder, neutral, people, moves, tuple(names), triangles, tuple(index[_ICT_LANDMARKS]))


def _like(path: Path, vertices: Doubles, neutral: Doubles) -> Doubles:
    if vertices.shape != neutral.shape:
        raise MorphableImportError(f"{path}: {len(vertices)} vertices, the neutral mesh has {len(neutral)}")
    return vertices


def _ict(
    path: Path,
    neutral: npt.NDArray[Any],
    identity: npt.NDArray[Any],
    expression: npt.NDArray[Any],
    names: tuple[str, ...],
    triangles: npt.NDArray[Any],
    landmarks: tuple[int, ...] | None,
) -> MorphableModel:
    """Displacements of one standard deviation (identity) and of full strength (expression)."""
    for what, array in (("identity", identity), ("expression", expression)):
        if array.ndim != 3 or array.shape[1:] != neutral.shape:
            raise MorphableImportError(f"{path}: {what} is {array.shape}, needed is (K, {len(neutral)}, 3)")
    moves = expression * _FLIP
    return MorphableModel(
        shape=LinearModel(neutral * _FLIP, identity * _FLIP, np.ones(len(identity)), float("nan")),
        triangles=_triangles(triangles, len(neutral), path),
        # A movement at a third of full strength is common: that is what the prior of the fit takes as one deviation.
        expression=LinearModel(np.zeros(neutral.shape), moves, np.full(len(moves), 1 / 9), float("nan")),
        landmarks=None if landmarks is None else np.array(landmarks, np.int32),
        expression_names=names,
        source="ICT-FaceKit, USC Institute for Creative Technologies, MIT licence",
    )


def _mat(path: Path) -> MorphableModel:
    arrays = read_mat(path)
    if "shapePC" in arrays or "shapeMU" in arrays:
        return _basel_2009(path, arrays)
    if "components" in arrays or "eigenvalues" in arrays or "trilist" in arrays:
        return _lsfm(path, arrays)
    found = ", ".join(sorted(n for n in arrays if not n.startswith("__"))) or "nothing"
    raise MorphableImportError(
        f"{path}: neither Basel 2009 (shapeMU, shapePC ...) nor LSFM (mean, components ...): it holds {found}"
    )


def _basel_2009(path: Path, arrays: Arrays) -> MorphableModel:
    """Interleaved x y z in micrometres, standard deviations in ``shapeEV``, triangles from 1."""
    require_arrays(
        path, "Basel Face Model 2009", arrays, ("shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")
    )
    to_cm = 1e-4
    shape, texture = (
        _interleaved(path, what, arrays[f"{what}MU"], arrays[f"{what}PC"], arrays[f"{what}EV"].ravel() ** 2)
        for what in ("shape", "tex")
    )
    return MorphableModel(
        shape=_scaled(shape, to_cm * _FLIP, to_cm),
        triangles=_triangles(_from_one(path, arrays["tl"]), len(shape.mean), path),
        texture=texture,
        source="Basel Face Model 2009, University of Basel, non-commercial",
    )


def _lsfm(path: Path, arrays: Arrays) -> MorphableModel:
    """Interleaved x y z, variances in ``eigenvalues``, triangles from 0, no texture."""
    require_arrays(path, "LSFM", arrays, ("mean", "components", "eigenvalues", "trilist"))
    model = _interleaved(path, "LSFM", arrays["mean"], arrays["components"], arrays["eigenvalues"].ravel())
    shares = arrays.get("cumulative_explained_variance")
    explained = float("nan") if shares is None else float(np.ravel(shares)[-1])
    model = LinearModel(model.mean, model.components, model.variances, explained)
    return MorphableModel(
        shape=_scaled(model, _FLIP, 1.0),
        triangles=_triangles(arrays["trilist"], len(model.mean), path),
        source="LSFM, Imperial College London, non-commercial",
    )


def _basel_h5(path: Path) -> MorphableModel:
    try:
        h5py: Any = import_module("h5py")
    except ImportError:
        raise MorphableImportError(f"{path}: reading .h5 needs h5py; run: python -m pip install h5py") from None
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise MorphableImportError(f"{path}: no HDF5 file ({error}); download it again") from None
    with file:
        return basel_statismo(path, file)


def basel_statismo(path: Path, file: Mapping[str, Any]) -> MorphableModel:
    """A model from an open file in Statismo's layout: anything that answers ``file["shape/model/mean"]``.

    Args:
        path: for messages.
        file: an ``h5py.File``, or arrays under the same names. Millimetres, variances, colours 0..1.

    Raises:
        MorphableImportError: when a data set is missing or of a wrong size.
    """
    needed = [f"{part}/model/{name}" for part in ("shape", "color") for name in _STATISMO]
    require(path, "Basel Face Model 2017 or 2019", file, (*needed, "shape/representer/cells"))
    to_cm = 0.1
    shape = _statismo(path, file, "shape")
    expression = None
    if "expression/model/mean" in file:
        require(path, "its expression", file, [f"expression/model/{name}" for name in _STATISMO])
        expression = _scaled(_statismo(path, file, "expression"), to_cm * _FLIP, to_cm)
    cells = np.asarray(file["shape/representer/cells"])
    return MorphableModel(
        shape=_scaled(shape, to_cm * _FLIP, to_cm),
        triangles=_triangles(cells.T if cells.shape[0] == 3 else cells, len(shape.mean), path),
        expression=expression,
        texture=_statismo(path, file, "color"),
        source="Basel Face Model, University of Basel, non-commercial",
    )


_STATISMO = ("mean", "pcaBasis", "pcaVariance")


def _statismo(path: Path, file: Mapping[str, Any], part: str) -> LinearModel:
    mean, basis, variances = (np.asarray(file[f"{part}/model/{name}"], np.float64) for name in _STATISMO)
    return _interleaved(path, part, mean, basis, variances.ravel())


def _interleaved(
    path: Path, what: str, mean: npt.NDArray[Any], basis: npt.NDArray[Any], variances: npt.NDArray[Any]
) -> LinearModel:
    """From (3 N,) and (3 N, K) to (N, 3) and (K, N, 3)."""
    flat, columns = np.asarray(mean, np.float64).ravel(), np.asarray(basis, np.float64)
    if flat.size % 3 or columns.ndim != 2 or columns.shape != (flat.size, len(variances)):
        raise MorphableImportError(
            f"{path}: {what} has a mean of {flat.size} values, components {columns.shape} and {len(variances)} "
            "variances; needed are (3 N), (3 N, K) and (K)"
        )
    components = np.ascontiguousarray(columns.T).reshape(len(variances), -1, 3)
    return LinearModel(flat.reshape(-1, 3), components, np.asarray(variances, np.float64), float("nan"))


def _scaled(model: LinearModel, axes: Doubles, scale: float) -> LinearModel:
    """Other axes and units; components keep their length, variances take the scale."""
    return LinearModel(model.mean * axes, model.components * np.sign(axes), model.variances * scale**2, model.explained)


def _from_one(path: Path, triangles: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    if int(np.min(triangles)) < 1:
        raise MorphableImportError(f"{path}: tl counts from {int(np.min(triangles))}; Basel 2009 counts from 1")
    return np.asarray(triangles, np.int32) - 1


def _triangles(triangles: npt.NDArray[Any], count: int, path: Path) -> npt.NDArray[np.int32]:
    fits = triangles.ndim == 2 and triangles.shape[1] == 3 and triangles.size > 0
    if not fits or triangles.min() < 0 or triangles.max() >= count:
        raise MorphableImportError(f"{path}: triangles {triangles.shape} do not fit {count} vertices, counted from 0")
    return np.ascontiguousarray(triangles, np.int32)
