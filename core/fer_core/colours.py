"""Colours that colour-blind people can tell apart (Okabe & Ito 2008), for the window and for annotated video."""

from __future__ import annotations

Colour = tuple[int, int, int]
"""RGB, 0..255."""

#: Okabe & Ito's colours without black, the easiest to see on skin and walls first.
OKABE_ITO: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
)
