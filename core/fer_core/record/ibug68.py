"""The 68 points of iBUG 300-W (the scheme of dlib and OpenFace) read from the 468 points of the face mesh.

The correspondence is the published one of the "MediaPipe to Dlib landmarks" list: where no mesh vertex lies on an iBUG
point, the middle of two vertices stands for it. Checked by drawing it on faces. The mesh and 300-W annotators do not
agree to the pixel: expect a few percent of the inter-ocular distance, most on the jaw line, which no image edge fixes.

Order, as in 300-W (left and right as seen in the image): jaw 0-16, left brow 17-21, right brow 22-26, nose bridge
27-30, nose base 31-35, left eye 36-41, right eye 42-47, outer lips 48-59, inner lips 60-67.
"""

from __future__ import annotations

import numpy as np

from fer_core.types import Floats

_VERTICES: tuple[tuple[int, ...], ...] = (
    *((127,), (234,), (93,), (132, 58), (58, 172), (136,), (150,), (176,), (152,)),
    *((400,), (379,), (365,), (397, 288), (361,), (323,), (454,), (356,)),
    *((70,), (63,), (105,), (66,), (107,)),
    *((336,), (296,), (334,), (293,), (300,)),
    *((168, 6), (197, 195), (5,), (4,)),
    *((75,), (97,), (2,), (326,), (305,)),
    *((33,), (160,), (158,), (133,), (153,), (144,)),
    *((362,), (385,), (387,), (263,), (373,), (380,)),
    *((61,), (39,), (37,), (0,), (267,), (269,), (291,), (321,), (314,), (17,), (84,), (91,)),
    *((78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,)),
)
#: Mesh vertices whose mean is the iBUG point, (68, 2); one vertex twice where one suffices.
MESH_PAIRS: tuple[tuple[int, int], ...] = tuple((v[0], v[-1]) for v in _VERTICES)


def ibug68_from_mesh(landmarks: Floats) -> Floats:
    """The 68 points, (68, D), of a face mesh (468 or more, D), in the same units."""
    pairs = np.asarray(MESH_PAIRS)
    points: Floats = landmarks[pairs].mean(axis=1)
    return points
