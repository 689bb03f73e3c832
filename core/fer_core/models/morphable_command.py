"""``fer-core morphable``: a morphable model that somebody owns, read, shown, kept, and fitted to a photograph."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fer_core.cli_tables import table
from fer_core.data.errors import DataError
from fer_core.faces.canonical import MESH_POINTS
from fer_core.faces.still import StillFaceFinder
from fer_core.media.errors import MediaError
from fer_core.media.images import read_image
from fer_core.models.face_model import face_model
from fer_core.models.landmark_search import find_landmarks
from fer_core.models.morphable import MorphableModel
from fer_core.models.morphable_fit import MorphableFit, fit_morphable
from fer_core.models.morphable_import import import_morphable
from fer_core.models.wavefront import write_wavefront
from fer_core.record.ibug68 import ibug68_from_mesh
from fer_core.types import ImageU8

#: Stands for the model of this installation.
SHIPPED = "shipped"
#: From the axes of this project (y down, z away) to those of .obj files (y up, z towards the viewer).
_FLIP = np.array([1.0, -1.0, -1.0])


def add_morphable(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    morphable = commands.add_parser(
        "morphable",
        help="read a 3D morphable model that you own, and fit it to a photograph",
        description="Reads ICT-FaceKit (folder FaceXModel), the Basel Face Model (.mat of 2009, .h5 of 2017 and 2019) "
        "and LSFM (.mat), and tells what they hold. Their licences decide what may be passed on.",
    )
    morphable.set_defaults(run=_morphable)
    add = morphable.add_argument
    add("model", metavar="MODEL", help=f"file or folder as its makers deliver it, or {SHIPPED}")
    add("--save", type=Path, metavar="FILE.npz", help="keep it in the form of this program, which loads fast")
    add("--fit", type=Path, metavar="PHOTO", help="fit it to the face of a photograph")
    add("--mesh", type=Path, metavar="FILE.obj", help="write the fitted mesh, or the mean without --fit")


def _morphable(options: argparse.Namespace) -> None:
    model = face_model() if options.model == SHIPPED else import_morphable(Path(options.model))
    print(table(_about(model)))
    mesh = model.shape.mean
    if options.fit:
        try:
            photo = read_image(options.fit)
        except MediaError as error:
            raise DataError(str(error)) from error
        fit = fit_photograph(model, photo, str(options.fit))
        mesh = fit.mesh(model)
        print(
            f"{options.fit}: landmarks met to {fit.landmark_error_px:.2f} px, focal length {fit.camera.focal_px:.0f} px"
        )
    if options.save:
        model.save(options.save)
        print(f"{options.save}: saved")
    if options.mesh:
        write_wavefront(options.mesh, mesh * _FLIP, model.triangles)
        print(f"{options.mesh}: {len(mesh)} vertices")


def fit_photograph(model: MorphableModel, photo_rgb_u8: ImageU8, name: str) -> MorphableFit:
    """Fits a model to the most prominent face of a photograph (H, W, 3), by landmarks.

    Args:
        model: with the 468 points of the mesh or the 68 of iBUG as landmarks; otherwise the 68 are searched for.
        photo_rgb_u8: of a face.
        name: of the photograph, for the error.

    Raises:
        DataError: when no face is found.
    """
    finder = StillFaceFinder()
    found = finder.find(photo_rgb_u8).landmarks_px
    finder.close()
    if found is None:
        raise DataError(f"{name}: no face found; take a photograph that shows one from the front")
    known = 0 if model.landmarks is None else len(model.landmarks)
    size_px = photo_rgb_u8.shape[1], photo_rgb_u8.shape[0]
    if known == MESH_POINTS:
        return fit_morphable(model, found, size_px)
    points = ibug68_from_mesh(found)
    return fit_morphable(model, points, size_px, vertices=None if known == len(points) else find_landmarks(model))


def _about(model: MorphableModel) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("part", "components", "variance explained")]
    for part in ("shape", "expression", "texture"):
        found = getattr(model, part)
        if found is not None:
            rows.append((part, str(len(found.variances)), f"{found.explained:.1%}"))
    known = "none named" if model.landmarks is None else str(len(model.landmarks))
    rows += [
        ("vertices", str(len(model.shape.mean)), ""),
        ("triangles", str(len(model.triangles)), ""),
        ("landmarks", known, ""),
    ]
    return [*rows, ("source", model.source, "")]
