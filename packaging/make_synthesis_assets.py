"""Makes assets/synthesis/synthesis.npz and face_model.npz from the research data. Run by hand, with the train extra:

    python packaging/make_synthesis_assets.py DATA MODELS [--cache FILE] [--faces | --components PICTURE]

DATA holds ckplus128, diffusionfer and webmorph, unpacked; MODELS holds ict_facekit.npz and
face_landmarker.task. Only statistics over many faces and parts of an open face model are written.
assets/synthesis/README.md says what the arrays are. ``--faces`` makes the second file alone.
"""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from mediapipe.modules.face_geometry.protos import geometry_pipeline_metadata_pb2

from fer_core.augment.affect3d.making.face_model import face_model
from fer_core.augment.affect3d.making.gallery import Gallery, read_gallery
from fer_core.augment.affect3d.making.open_model import OpenModel
from fer_core.augment.affect3d.making.response import Viewer, sharpen_expressions
from fer_core.augment.affect3d.making.sparse_components import sparse_components, surface_distances
from fer_core.augment.affect3d.making.teeth import teeth_pictures
from fer_core.augment.affect3d.making.units import (
    UNITS,
    expression_weights,
    mobility,
    pair_displacements,
    unit_log_ratios,
    unit_shapes,
)
from fer_core.augment.affect3d.making.va_classes import class_weights, composition, read_annotations, va_classes
from fer_core.augment.affect3d.model import AffectModel, write_model
from fer_core.faces.canonical import canonical_mesh

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "synthesis"
EYE_WHITE_RGB = (185.0, 172.0, 165.0)


def canonical_topology(task: Path) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (T, 3) and texture coordinates (468, 2), y down, from the landmarker's metadata."""
    metadata = geometry_pipeline_metadata_pb2.GeometryPipelineMetadata()
    with zipfile.ZipFile(task) as archive:
        metadata.ParseFromString(archive.read("geometry_pipeline_metadata_landmarks.binarypb"))
    vertices = np.array(metadata.canonical_mesh.vertex_buffer, np.float32).reshape(-1, 5)
    uv = vertices[:, 3:]
    if np.corrcoef(uv[:, 1], canonical_mesh().vertices_cm[:, 1])[0, 1] < 0:
        uv = uv * [1, -1] + [0, 1]
    return np.array(metadata.canonical_mesh.index_buffer, np.int16).reshape(-1, 3), uv.astype(np.float32)


#: Movements that some people add to an expression (Ekman, Friesen & Hager 2002).
EXTRAS = {
    "anger": {"au05": 0.8, "au10": 0.8, "au09": 0.4},
    "disgust": {"au10": 1.0, "au15": 0.8, "au25": 0.8},
    "sadness": {"au43": 0.3},
    "fear": {"au26": 1.0},
    "surprise": {"au26": 1.0},
}


def build(gallery: Gallery, triangles: np.ndarray, uv: np.ndarray, open_model: OpenModel) -> AffectModel:
    """Everything that the asset holds."""
    weights = expression_weights(gallery)
    va, names = read_annotations(gallery.root)
    centres, _ = va_classes(va)
    coded = AffectModel(
        triangles=triangles,
        uv=uv,
        unit_names=np.array(UNITS),
        unit_shapes_cm=unit_shapes(gallery, open_model).astype(np.float32),
        unit_log_ratios=unit_log_ratios(gallery, triangles, uv),
        expression_names=np.array(list(weights)),
        expression_weights=np.stack(list(weights.values())),
        class_va=centres,
        class_weights=np.zeros((len(centres), len(UNITS)), np.float32),
        eye_white=np.array(EYE_WHITE_RGB, np.float32),
        **teeth_pictures(open_model, gallery, EYE_WHITE_RGB),
    )
    viewer = Viewer(gallery, coded)
    model = sharpen_expressions(viewer, coded, EXTRAS)
    shares = composition(centres, va, names, tuple(weights))
    strengths, seen = class_weights(viewer, model, centres, shares)
    error = np.abs(seen - centres).mean(axis=0)
    print(f"{len(centres)} classes; mean error of what is seen: valence {error[0]:.2f}, arousal {error[1]:.2f}")
    return replace(model, class_weights=strengths.astype(np.float32))


def draw_components(gallery: Gallery, triangles: np.ndarray, picture: Path, count: int = 16) -> None:
    """A figure of what each localised sparse component moves, and how much all of them explain."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    vertices = canonical_mesh().vertices_cm.astype(np.float64)
    # What a tracker sees at the outline and the hairline is its own error: it would take half of the components.
    moved = pair_displacements(gallery, gallery.pairs()) * mobility()
    found = sparse_components(moved, surface_distances(vertices, triangles), count)
    figure, axes = plt.subplots(2, count // 2, figsize=(2 * count // 2, 5.2), layout="constrained")
    for axis, component in zip(axes.flat, found.components_cm, strict=True):
        size = np.linalg.norm(component, axis=1)
        axis.tripcolor(*vertices[:, :2].T, triangles, size, cmap="viridis", vmin=0, vmax=size.max(), shading="gouraud")
        far = size > 0.3 * size.max()
        axis.quiver(*vertices[far, :2].T, *component[far, :2].T, color="w", angles="xy", scale_units="xy", scale=1.5)
        axis.set(aspect="equal", xticks=[], yticks=[], title=f"{10 * size.max():.0f} mm")
        axis.invert_yaxis()
    figure.suptitle(f"{count} localised sparse components explain {found.explained:.0%} of {len(moved)} displacements")
    figure.savefig(picture, dpi=80)
    print(f"{picture}: {count} components explain {found.explained:.3f}")


def write_faces(gallery: Gallery, triangles: np.ndarray, uv: np.ndarray) -> None:
    """Make and write the morphable model, and print how many components it needs."""
    model, target = face_model(gallery, triangles, uv), ASSETS / "face_model.npz"
    model.save(target)
    for part in (model.shape, model.expression, model.texture):
        if part is not None:
            print(f"{part.mean.shape}: {len(part.variances)} components explain {part.explained:.4f} of the variance")
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    """Read, build, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--cache", type=Path, help="meshes of the gallery; written where missing")
    parser.add_argument("--faces", action="store_true", help="make only the morphable model of faces")
    parser.add_argument("--components", type=Path, help="write only a figure of localised sparse components")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    triangles, uv = canonical_topology(options.models / "face_landmarker.task")
    gallery = read_gallery(options.data, options.cache)
    if options.components:
        draw_components(gallery, triangles, options.components)
        return
    write_faces(gallery, triangles, uv)
    if options.faces:
        return
    target = ASSETS / "synthesis.npz"
    write_model(target, build(gallery, triangles, uv, OpenModel(options.models / "ict_facekit.npz")))
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
