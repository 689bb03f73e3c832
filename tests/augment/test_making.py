from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="making the asset needs the train extra")

from fer_core.augment.affect3d.making.face_model import uv_places
from fer_core.augment.affect3d.making.gallery import Gallery
from fer_core.augment.affect3d.making.response import balanced_rows
from fer_core.augment.affect3d.making.sparse_components import sparse_components, surface_distances
from fer_core.augment.affect3d.making.teeth import GUM, TOOTH, natural_teeth
from fer_core.augment.affect3d.making.units import with_chin
from fer_core.augment.affect3d.making.unwrap import Unwrapper
from fer_core.augment.affect3d.making.va_classes import composition, va_classes
from fer_core.augment.affect3d.raster import rasterise, triangle_affines
from fer_core.faces.canonical import canonical_mesh


def strip(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A ladder of triangles, one centimetre wide."""
    vertices = np.array([[x, y, 0] for x in range(count) for y in (0, 1)], float)
    triangles = [(2 * k, 2 * k + 1, 2 * k + 2) for k in range(count - 1)]
    triangles += [(2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(count - 1)]
    return vertices, np.array(triangles, np.int16)


def test_surface_distances_follow_the_mesh() -> None:
    vertices, triangles = strip(10)
    distances = surface_distances(vertices, triangles)
    assert np.isclose(distances[0, 18], 9)
    assert np.allclose(distances, distances.T)


def test_sparse_components_separate_two_places_that_move_independently() -> None:
    vertices, triangles = strip(20)
    truth = np.zeros((2, 40, 3))
    truth[0, 0:6, 1], truth[1, 34:40, 0] = 1.0, 0.7
    rng = np.random.default_rng(0)
    strength = rng.uniform(0, 1, (80, 2))
    displacements = np.tensordot(strength, truth, axes=1) + 0.005 * rng.normal(size=(80, 40, 3))
    found = sparse_components(displacements, surface_distances(vertices, triangles), 2, sparsity=0.1)
    assert found.explained > 0.98
    assert found.weights.min() >= 0
    assert np.allclose(found.weights.max(axis=0), 1)
    sizes = np.linalg.norm(found.components_cm, axis=2)
    order = np.argsort([size.argmax() for size in sizes])
    assert sizes[order[0], 20:].max() < 0.02
    assert sizes[order[1], :20].max() < 0.02
    # The right direction, and as strong as the strongest face.
    assert np.allclose(found.components_cm[order[0], 0:6, 1], strength[:, 0].max(), atol=0.1)


def test_sparse_components_refuse_more_than_there_are_faces() -> None:
    with pytest.raises(ValueError, match="5 components of 3 faces"):
        sparse_components(np.zeros((3, 4, 3)), np.zeros((4, 4)), 5)


def test_va_classes_have_enough_members_and_stay_inside() -> None:
    rng = np.random.default_rng(0)
    va = rng.uniform(-1, 1, (400, 2)).astype(np.float32)
    centres, labels = va_classes(va, members=20)
    assert len(centres) == 20
    assert np.allclose(centres[3], va[labels == 3].mean(axis=0), atol=1e-6)
    with pytest.raises(ValueError, match="too few"):
        va_classes(va[:10])


def test_composition_follows_the_nearest_annotations() -> None:
    va = np.array([[0.5, 0.3]] * 20 + [[-0.5, 0.4]] * 20, np.float32)
    names = np.array(["happiness"] * 20 + ["anger"] * 15 + ["fear"] * 5)
    shares = composition(va[[0, 39]], va, names, ("happiness", "anger", "fear"))
    assert np.allclose(shares, [[1, 0, 0], [0, 0.75, 0.25]], atol=1e-3)


def test_uv_places_lie_where_uv_space_says() -> None:
    uv = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    places = uv_places(np.array([[0, 1, 2], [1, 3, 2]], np.int16), uv)
    assert len(places.corners) == 48 * 48
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 48)), axis=-1).reshape(-1, 2)
    assert np.allclose(places.on(uv.astype(float)), grid, atol=0.02)


def test_balanced_rows_take_one_person_of_each_group_in_turn(tmp_path: Path) -> None:
    folder = tmp_path / "webmorph"
    (folder / "neutral_front").mkdir(parents=True)
    groups = {f"{n:03d}": "white" for n in range(1, 9)} | {"009": "black", "010": "black", "011": "west_asian"}
    lines = [f"{person},30,female,{group}" for person, group in groups.items()]
    (folder / "london_info.csv").write_text("\n".join(["face_id,face_age,face_gender,face_eth", *lines]))
    for person in groups:
        (folder / f"neutral_front/{person}_03.jpg").touch()
    paths = tuple(f"webmorph/neutral_front/{person}_03.jpg" for person in groups)
    gallery = Gallery(tmp_path, paths, np.zeros((len(paths), 468, 3), np.float32))
    # Every second person is held out: 001, 003 ... 011.
    chosen = [paths[row][-10:-7] for row in balanced_rows(gallery, 4)]
    assert chosen == ["010", "002", "004", "006"]


def test_rasterise_draws_later_triangles_on_top() -> None:
    vertices = np.array([[0, 0], [20, 0], [0, 20], [20, 20]], np.float32)
    ids = rasterise(vertices, np.array([[0, 1, 2], [0, 1, 3]]), (21, 21))
    assert ids[1, 5] == 2
    assert ids[15, 2] == 1
    assert ids[20, 10] == 0


def test_triangle_affines_interpolate_corners() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.uniform(0, 50, (9, 2)).astype(np.float32)
    triangles = np.arange(9).reshape(3, 3)
    values = np.concatenate([rng.uniform(0, 9, (3, 2, 3)), np.ones((3, 1, 3))], axis=1)
    maps = triangle_affines(vertices, triangles, values)
    for k in range(3):
        corners = np.concatenate([vertices[triangles[k]].T, np.ones((1, 3))])
        assert np.allclose(maps[k] @ corners, values[k, :2], atol=1e-3)


def test_unwrapper_reads_the_picture_at_the_mesh() -> None:
    triangles = np.array([[0, 1, 2], [1, 3, 2]], np.int16)
    uv = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    unwrap = Unwrapper(triangles, uv, 16)
    picture = np.tile(np.arange(60, dtype=np.uint8), (60, 1))
    landmarks = np.array([[10, 10, 0], [40, 10, 0], [10, 40, 0], [40, 40, 0]], np.float32)
    out = unwrap(picture, landmarks)
    assert unwrap.covered.all()
    assert np.allclose(out[8], np.linspace(10, 40, 16), atol=0.6)


def test_with_chin_lets_the_chin_follow_the_lower_lip() -> None:
    y = canonical_mesh().vertices_cm[:, 1]
    jaw, seen = np.zeros((468, 3)), np.zeros((468, 3))
    jaw[y > 3, 1] = 3.0
    seen[:, 1] = np.where(y > 7, 0.4, 1.0)
    moved = with_chin(seen, jaw)
    assert moved[152, 1] == pytest.approx(1.0)
    assert moved[17, 1] == moved[0, 1] == 1.0
    # Lips that rise pull no jaw.
    assert with_chin(-seen, jaw)[152, 1] == pytest.approx(0.0)


def test_natural_teeth_close_narrow_gaps_and_lose_stray_pieces() -> None:
    scale, part = 100.0, np.zeros((120, 200), np.uint8)
    part[:] = GUM
    part[60:] = 0
    part[20:90, 40:97], part[20:90, 103:160] = TOOTH, TOOTH
    part[5:9, 20:24] = TOOTH
    colour = np.where(part[..., None] == TOOTH, 220, 90).astype(np.uint8) * np.ones(3, np.uint8)
    natural = natural_teeth(colour, part, scale)
    assert natural[80, 100, 3] == 255
    assert 120 < natural[80, 100, 0] < natural[80, 70, 0] - 20
    assert natural[7, 22, 0] < 140
    assert natural[110, 100, 3] == natural[75, 20, 3] == 0
