"""Which of the 468 mesh points close lids and lips, and which triangles fill eyes and mouth.

Numbers are MediaPipe's. *Right* and *left* are the person's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_core.faces.contours import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE

Indices = npt.NDArray[np.intp]

#: (upper, lower) points that meet when an eye closes, from the outer corner inwards.
RIGHT_LID_PAIRS: Indices = np.array(
    [(246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155)], np.intp
)
LEFT_LID_PAIRS: Indices = np.array(
    [(466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382)], np.intp
)
#: (nearer to the lashes, above it) points of the upper lid: its edge and its crease, its crease and what hangs over it.
LID_EDGE_PAIRS: Indices = np.array(
    [
        *((246, 247), (161, 30), (160, 29), (159, 27), (158, 28), (157, 56), (173, 190)),
        *((466, 467), (388, 260), (387, 259), (386, 257), (385, 258), (384, 286), (398, 414)),
    ],
    np.intp,
)
LID_CREASE_PAIRS: Indices = np.array(
    [
        *((30, 225), (29, 224), (27, 223), (28, 222), (56, 221), (190, 189)),
        *((260, 445), (259, 444), (257, 443), (258, 442), (286, 441), (414, 413)),
    ],
    np.intp,
)
#: (upper, lower) points that meet when the lips close.
LIP_PAIRS: Indices = np.array(
    [(191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324)], np.intp
)
#: Rows of the upper and the lower lip from the inner lips outwards, each from the right to the left corner.
UPPER_LIP_ROWS: Indices = np.array(
    [
        *((191, 80, 81, 82, 13, 312, 311, 310, 415), (183, 42, 41, 38, 12, 268, 271, 272, 407)),
        *((184, 74, 73, 72, 11, 302, 303, 304, 408), (185, 40, 39, 37, 0, 267, 269, 270, 409)),
    ],
    np.intp,
)
LOWER_LIP_ROWS: Indices = np.array(
    [
        *((95, 88, 178, 87, 14, 317, 402, 318, 324), (96, 89, 179, 86, 15, 316, 403, 319, 325)),
        *((77, 90, 180, 85, 16, 315, 404, 320, 307), (146, 91, 181, 84, 17, 314, 405, 321, 375)),
    ],
    np.intp,
)
#: Closed contours without their repeated first point.
OVAL: Indices = np.array(FACE_OVAL[:-1], np.intp)
EYES: tuple[Indices, Indices] = (np.array(RIGHT_EYE[:-1], np.intp), np.array(LEFT_EYE[:-1], np.intp))
MOUTH: Indices = np.array(LIPS_INNER[:-1], np.intp)


def fills(triangles: npt.NDArray[np.int16], contour: Indices) -> npt.NDArray[np.bool_]:
    """(T,): which triangles (T, 3) have all corners on a contour, that is fill the opening it surrounds."""
    inside: npt.NDArray[np.bool_] = np.isin(triangles, contour).all(axis=1)
    return inside
