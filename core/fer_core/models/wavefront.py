"""Vertices and triangles of a Wavefront .obj file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.models.linear_model import Doubles


def read_wavefront(path: Path) -> tuple[Doubles, npt.NDArray[np.int32]]:
    """Vertices (N, 3) and triangles (T, 3), counted from 0; faces of more corners are cut into a fan.

    Raises:
        ValueError: when there is no vertex, or a line cannot be read; the message names it.
    """
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            kind, *values = line.split() or [""]
            try:
                if kind == "v":
                    x, y, z = values[:3]
                    vertices.append([float(x), float(y), float(z)])
                elif kind == "f":
                    # A corner is vertex, vertex/texture or vertex/texture/normal; negative ones count from the end.
                    corners = [int(v.split("/")[0]) for v in values]
                    fan = [c - 1 if c > 0 else len(vertices) + c for c in corners]
                    triangles += [(fan[0], fan[k], fan[k + 1]) for k in range(1, len(fan) - 1)]
            except ValueError:
                raise ValueError(f"{path}, line {number}: {line.strip()!r} cannot be read as .obj") from None
    if not vertices:
        raise ValueError(f"{path}: no vertex; this is no .obj mesh")
    found = np.array(triangles, np.int32).reshape(-1, 3)
    if found.size and (found.min() < 0 or found.max() >= len(vertices)):
        raise ValueError(f"{path}: a face names vertex {found.max() + 1} of {len(vertices)}")
    return np.array(vertices), found


def write_wavefront(path: Path, vertices: Doubles, triangles: npt.NDArray[np.int32]) -> None:
    """Writes vertices (N, 3) and triangles (T, 3), counted from 0."""
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles.tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
