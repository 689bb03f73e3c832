"""Contours of the face as paths over the 468 mesh points, to draw a face without its 1,300 mesh edges.

Points as in MediaPipe's ``FACEMESH_FACE_OVAL``, ``_LEFT_EYE``, ``_RIGHT_EYE``, ``_LEFT_EYEBROW``, ``_RIGHT_EYEBROW``
and ``_LIPS``, put in the order in which a pen draws them. Left and right are the person's own.
"""

from __future__ import annotations

#: Closed contours repeat their first point.
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33)
LEFT_BROW_LOWER = (276, 283, 282, 295, 285)
LEFT_BROW_UPPER = (300, 293, 334, 296, 336)
RIGHT_BROW_LOWER = (46, 53, 52, 65, 55)
RIGHT_BROW_UPPER = (70, 63, 105, 66, 107)
LIPS_OUTER = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    *(409, 270, 269, 267, 0, 37, 39, 40, 185, 61),
)
LIPS_INNER = (
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    *(415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
)

CONTOURS: tuple[tuple[int, ...], ...] = (
    FACE_OVAL,
    LEFT_EYE,
    RIGHT_EYE,
    LEFT_BROW_LOWER,
    LEFT_BROW_UPPER,
    RIGHT_BROW_LOWER,
    RIGHT_BROW_UPPER,
    LIPS_OUTER,
    LIPS_INNER,
)

#: The tip of the nose, where pose axes start.
NOSE_TIP = 1
