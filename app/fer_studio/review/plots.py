"""The plots of the timeline as pictures, for papers and slides."""

from __future__ import annotations

import contextlib
from pathlib import Path

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from fer_core.record.errors import RecordError, write_error
from fer_studio.views.timeline import Timeline

_SCALE = 3
"""A screen has about 100 dots an inch, print 300."""


def export_plots(timeline: Timeline, target: Path) -> None:
    """Writes what is in view as PNG, three times as fine as on the screen, or as SVG; the suffix decides.

    To be called in the window's thread.

    Raises:
        RecordError: another suffix, or it cannot be written.
    """
    kind = target.suffix.lower()
    if kind not in (".png", ".svg"):
        raise RecordError(target, "is neither .png nor .svg", "choose one of these")
    part = target.with_name(f".{target.stem}.part{kind}")
    try:
        part.write_bytes(b"")  # a folder that may not be written is refused here, in words
        if kind == ".svg":
            _draw_svg(timeline, part)
        else:
            _draw_png(timeline, part)
        part.replace(target)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _draw_svg(timeline: Timeline, part: Path) -> None:
    # pyqtgraph's own SVG exporter stumbles over paths that end in a closing stroke.
    area = timeline.plot_area
    generator = QSvgGenerator()
    generator.setFileName(str(part))
    generator.setSize(area.size().toSize())
    generator.setViewBox(QRectF(0, 0, area.width(), area.height()))
    generator.setTitle("fer-studio timeline")
    painter = QPainter(generator)
    painter.fillRect(QRectF(0, 0, area.width(), area.height()), timeline.plot_ground)
    timeline.render_plots(painter, QRectF(0, 0, area.width(), area.height()))
    painter.end()


def _draw_png(timeline: Timeline, part: Path) -> None:
    area = timeline.plot_area
    picture = QImage(QSize(round(area.width() * _SCALE), round(area.height() * _SCALE)), QImage.Format.Format_RGB32)
    picture.fill(timeline.plot_ground)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    timeline.render_plots(painter, QRectF(picture.rect()))
    painter.end()
    if not picture.save(str(part)):
        raise OSError("the picture cannot be encoded or stored")
