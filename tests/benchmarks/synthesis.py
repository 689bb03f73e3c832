"""What is seen in synthesised faces, what they keep, and how long they take. Run by hand:

    python tests/benchmarks/synthesis.py DATA [--people 50] [--sheet PICTURE | --portrait PICTURE]

DATA holds webmorph, unpacked. The people are the held-out ones of its London set: none of them was in the gallery.
Prints concordance of asked and perceived valence and arousal on 25 points, the hit rate of six expressions, how well
a tracker finds the movement again, what changed that should not, and times.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from fer_core.assets import asset_path
from fer_core.augment.affect3d import FaceFitter, FittedFace, Synthesiser, Target
from fer_core.augment.affect3d.deform import moved_mesh
from fer_core.augment.affect3d.making.gallery import held_out_people, read_rgb, stated_groups
from fer_core.evaluate.metrics import ccc
from fer_core.faces.align import align_face, warp_area
from fer_core.faces.pose import align_canonical
from fer_core.faces.still import StillFaceFinder
from fer_core.infer.engine import Engine
from fer_core.types import ImageU8

#: The centre and eight directions at three distances.
POINTS = [(0.0, 0.0)] + [
    (round(r * np.cos(a), 3), round(r * np.sin(a), 3)) for r in (0.25, 0.5, 0.75) for a in np.arange(8) * np.pi / 4
]
WIDTH_PX = 512
#: Of the London set, for the picture: different ages, sexes and skin tones.
SHEET_PEOPLE = ("061", "103", "099", "034")
#: Bridge of the nose, corners of the eyes, temples: what no expression moves.
RIGID = [168, 6, 197, 195, 33, 133, 362, 263, 234, 454]


def perceive(engine: Engine, finder: StillFaceFinder, image: ImageU8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (E,), valence-arousal (2,) and mesh in canonical centimetres (468, 3), found afresh."""
    found = finder.find(image)
    if found.landmarks_px is None:
        return np.full(len(engine.card.expressions), np.nan), np.full(2, np.nan), np.full((468, 3), np.nan)
    crop = align_face(image, found.landmarks_px, engine.card.geometry)
    probs, va, _ = engine.run(crop[None])
    return probs[0], va[0], align_canonical(found.landmarks_px).to_canonical_cm(found.landmarks_px)


def timed_ms(function, *arguments):  # type: ignore[no-untyped-def]
    """Result and milliseconds of one call."""
    start = time.perf_counter()
    result = function(*arguments)
    return result, 1e3 * (time.perf_counter() - start)


def photographs(root: Path, count: int) -> list[tuple[str, ImageU8]]:
    """Neutral photographs of held-out people, cut square and reduced to ``WIDTH_PX``."""
    pictures = []
    for person in held_out_people(root)[:count]:
        image = read_rgb(root / f"webmorph/neutral_front/{person}_03.jpg")
        scale = WIDTH_PX / max(image.shape[:2])
        pictures.append((person, cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
    return pictures


def outside_changes(fit: FittedFace, image: ImageU8) -> int:
    """Pixels that changed outside the region that may."""
    changed = (image != fit.photo_rgb_u8).any(axis=2)
    height, width = fit.region_rgb_u8.shape[:2]
    changed[fit.top_px : fit.top_px + height, fit.left_px : fit.left_px + width] = False
    outline = np.zeros(changed.shape, np.uint8)
    cv2.fillConvexPoly(outline, cv2.convexHull(np.ceil(fit.vertices_px).astype(np.int32)), 1)
    beyond = (image != fit.photo_rgb_u8).any(axis=2) & (cv2.dilate(outline, np.ones((5, 5), np.uint8)) == 0)
    return int(changed.sum() + beyond.sum())


def write_sheet(photos: list[ImageU8], target: Path) -> None:
    """A row a photograph: neutral and six expressions; then the last one at half intensity and along a path."""
    synthesiser, fitter = Synthesiser.load(), FaceFitter()
    rows = []
    names = [str(name) for name in synthesiser.model.expression_names]
    for photo in photos:
        fit = fitter.fit(photo)
        rows.append(_row(synthesiser, fit, [Target.expression(name) for name in names]))
    rows.append(_row(synthesiser, fit, [Target.expression(name, 0.5) for name in names]))
    around = [(0.6 * np.cos(a), 0.6 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, len(names), endpoint=False)]
    rows.append(_row(synthesiser, fit, [Target.point(*point) for point in around]))
    fitter.close()
    cv2.imwrite(str(target), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def _row(synthesiser: Synthesiser, fit: FittedFace, targets: list[Target]) -> ImageU8:
    return np.hstack([_cell(fit, fit.photo_rgb_u8), *(_cell(fit, synthesiser.render(fit, t)) for t in targets)])


def _cell(fit: FittedFace, image: ImageU8, side_px: int = 170) -> ImageU8:
    """The face of a picture, cut square."""
    low, high = fit.landmarks_px[:, :2].min(axis=0), fit.landmarks_px[:, :2].max(axis=0)
    half = 0.62 * float(high[1] - low[1])
    (x, y), scale = (low + high) / 2, side_px / (2 * half)
    to_cell = np.array([[scale, 0, (half - x) * scale], [0, scale, (half - y) * scale]])
    return warp_area(image, to_cell, side_px)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--sheet", type=Path, help="write only a picture of some people with all expressions")
    parser.add_argument("--portrait", type=Path, help="write only such a picture of the portrait that ships")
    options = parser.parse_args()
    if options.sheet:
        neutral = options.data / "webmorph/neutral_front"
        write_sheet([read_rgb(neutral / f"{person}_03.jpg") for person in SHEET_PEOPLE], options.sheet)
        return
    if options.portrait:
        write_sheet([read_rgb(asset_path("demo", "portrait.jpg"))], options.portrait)
        return
    cv2.setNumThreads(2)
    synthesiser, fitter, finder, engine = Synthesiser.load(), FaceFitter(), StillFaceFinder(), Engine(threads=2)
    names = list(synthesiser.model.expression_names)
    asked, seen, hits, fit_ms, render_ms, rigid_cm, found_again, outside = [], [], [], [], [], [], [], 0
    people: list[str] = []
    for person, image in photographs(options.data, options.people):
        fit, spent = timed_ms(fitter.fit, image)
        fit_ms.append(spent)
        people.append(person)
        _, _, neutral_cm = perceive(engine, finder, image)
        for point in POINTS:
            out, spent = timed_ms(synthesiser.render, fit, Target.point(*point))
            render_ms.append(spent)
            outside += outside_changes(fit, out)
            asked.append(point)
            seen.append(perceive(engine, finder, out)[1])
        row = []
        for name in names:
            target = Target.expression(name)
            out, spent = timed_ms(synthesiser.render, fit, target)
            render_ms.append(spent)
            probs, _, mesh_cm = perceive(engine, finder, out)
            row.append(engine.card.expressions[int(np.argmax(probs))] == name)
            moved = moved_mesh(fit, target.weights(synthesiser.model), synthesiser.model) - fit.mesh_cm
            rigid_cm.append(np.linalg.norm(moved[RIGID, :2], axis=1))
            again = (mesh_cm - neutral_cm)[:, :2].ravel()
            found_again.append(float(np.corrcoef(again, moved[:, :2].ravel())[0, 1]))
        hits.append(row)
        print(person, dict(zip(names, row, strict=True)), fit.warnings, flush=True)
    a, s = np.array(asked), np.array(seen)
    print(f"{len(hits)} people, {len(a)} points, lost faces {int(np.isnan(s[:, 0]).sum())}")
    for k, what in enumerate(("valence", "arousal")):
        r = np.corrcoef(a[:, k], s[:, k])[0, 1]
        print(
            f"{what}: CCC {ccc(a[:, k], s[:, k]):.3f}, r {r:.3f}, "
            f"spread asked {a[:, k].std():.2f} seen {s[:, k].std():.2f}"
        )
    mean = s.reshape(-1, len(POINTS), 2).mean(axis=0)
    print(
        "\n".join(
            f"asked {p[0]:+.2f} {p[1]:+.2f}  seen {m[0]:+.2f} {m[1]:+.2f}" for p, m in zip(POINTS, mean, strict=True)
        )
    )
    rate = np.array(hits).mean(axis=0)
    print(f"hit rate {np.mean(hits):.3f}:", ", ".join(f"{n} {h:.2f}" for n, h in zip(names, rate, strict=True)))
    group_of = stated_groups(options.data)
    stated = np.array([group_of.get(person, "?") for person in people])
    again = np.array(found_again).reshape(-1, len(names))
    for group in sorted(set(stated)):
        members = stated == group
        by_name = ", ".join(f"{n} {h:.2f}" for n, h in zip(names, np.array(hits)[members].mean(axis=0), strict=True))
        print(
            f"{group} ({members.sum()}): hit rate {np.array(hits)[members].mean():.2f} ({by_name}); "
            f"found again {np.median(again[members]):.2f}"
        )
    print(f"movement found again by the tracker: correlation, median {np.median(found_again):.2f}")
    print(f"bridge, eye corners and temples moved: mean {np.mean(rigid_cm):.3f} cm")
    print(f"pixels changed outside the face: {outside}")
    print(f"fit {np.median(fit_ms):.0f} ms (95 % {np.quantile(fit_ms, 0.95):.0f}), ", end="")
    print(f"render {np.median(render_ms):.1f} ms (95 % {np.quantile(render_ms, 0.95):.1f}) at {WIDTH_PX} px")
    finder.close()
    fitter.close()


if __name__ == "__main__":
    main()
