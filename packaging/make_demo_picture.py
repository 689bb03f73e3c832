"""Draws the picture at the top of the README: annotated frames of a clip, and the signals read from it. Run by hand:

python packaging/make_demo_picture.py [CLIP] [OUT.png]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from make_demo_clip import TARGET as DEMO
from make_demo_clip import asked_va
from matplotlib.figure import Figure

from fer_core.assets import asset_path
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.labels import FACS_NAMES
from fer_core.media.overlay import draw_overlay
from fer_core.media.source import open_source
from fer_core.types import FrameResult, ImageU8

#: Moments shown, as shares of the clip's length.
MOMENTS = (0.18, 0.33, 0.6, 0.94)
SHOWN_UNITS = (4, 12)
#: Valence and arousal.
VA_COLOURS = ("#0072b2", "#d55e00")


def main() -> None:
    """Measures the clip and writes the picture."""
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else asset_path("demo", "demo.mp4")
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("assets/reports/demo.png")
    engine = Engine()
    results: list[FrameResult] = []
    pictures: list[ImageU8] = []
    with open_source(clip) as source, Pipeline(engine) as pipeline:
        count = source.info.frame_count or 1
        wanted = {int(share * count) for share in MOMENTS}
        for frame, result in pipeline.run_with_frames(source.frames()):
            results.append(result)
            if frame.index in wanted and frame.image_rgb_u8 is not None:
                card = engine.card
                pictures.append(draw_overlay(frame.image_rgb_u8, result, card.expressions, card.action_units))
    draw(pictures, results, engine, asked=clip.resolve() == DEMO).savefig(out, dpi=110)


def draw(pictures: list[ImageU8], results: list[FrameResult], engine: Engine, *, asked: bool) -> Figure:
    """Frames above, valence and arousal (dashed: as asked for in the demo clip) in the middle, probabilities below."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    grid = figure.add_gridspec(3, len(pictures), height_ratios=(1.5, 1, 1))
    for column, picture in enumerate(pictures):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(picture)
        axes.set_axis_off()
    affects = [next((f.affect for f in r.faces if f.affect), None) for r in results]
    time_s = np.array([r.time_s for r in results])
    va = np.array([(a.valence, a.arousal) if a else (np.nan, np.nan) for a in affects])
    missing = np.full(len(engine.card.expressions), np.nan)
    probs = np.array([a.expression_probs if a else missing for a in affects])
    units = np.array([a.au_probs if a else np.full(len(engine.card.action_units), np.nan) for a in affects])
    top = figure.add_subplot(grid[1, :])
    for name, values, colour in zip(("valence", "arousal"), va.T, VA_COLOURS, strict=True):
        top.plot(time_s, values, label=name, color=colour)
    if asked:
        path = np.array([asked_va(time) for time in time_s])
        for values, colour in zip(path.T, VA_COLOURS, strict=True):
            top.plot(time_s, values, color=colour, linewidth=0.8, linestyle="--")
        top.plot([], [], color="0.4", linewidth=0.8, linestyle="--", label="asked of the synthesis")
    top.axhline(0, color="0.8", linewidth=0.8)
    top.set(ylim=(-1, 1), xlim=(0, time_s[-1]), ylabel="circumplex")
    top.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    bottom = figure.add_subplot(grid[2, :], sharex=top)
    for index in np.argsort(-np.nan_to_num(probs).mean(axis=0))[:4]:
        bottom.plot(time_s, probs[:, index], label=engine.card.expressions[index], linewidth=2)
    for unit in SHOWN_UNITS:
        column = engine.card.action_units.index(unit)
        bottom.plot(time_s, units[:, column], label=f"AU{unit:02d} {FACS_NAMES[unit]}", linewidth=1)
    bottom.set(ylim=(0, 1), ylabel="probability", xlabel="time of the media, s")
    bottom.legend(loc="upper left", bbox_to_anchor=(1, 1.1), frameon=False)
    return figure


if __name__ == "__main__":
    main()
