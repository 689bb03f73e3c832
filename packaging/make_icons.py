"""Makes the icon files in assets/icon from the two drawings there. Run by hand after a change of a drawing:

    pip install PySide6 pillow
    python packaging/make_icons.py

Sizes up to 32 px come from fer-studio-small.svg, whose lines lie on the grid of a 16 px icon; a shrunken large drawing
would be a smear there.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "icon"
NAME = "fer-studio"
LARGEST_SMALL_PX = 32
PNG_SIZES_PX = (16, 32, 48, 64, 128, 256, 512)
ICO_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES_PX = (16, 32, 64, 128, 256, 512, 1024)


def render(size_px: int) -> Image.Image:
    """The icon at one size, RGBA, transparent outside its rounded square."""
    drawing = f"{NAME}-small.svg" if size_px <= LARGEST_SMALL_PX else f"{NAME}.svg"
    renderer = QSvgRenderer(str(FOLDER / drawing))
    if not renderer.isValid():
        raise ValueError(f"{FOLDER / drawing} is not an SVG that Qt can draw")
    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.data().data())).convert("RGBA")


def main() -> None:
    """Writes png, ico and icns."""
    for size_px in PNG_SIZES_PX:
        render(size_px).save(FOLDER / f"{NAME}-{size_px}.png", optimize=True)
    for suffix, sizes_px in (("ico", ICO_SIZES_PX), ("icns", ICNS_SIZES_PX)):
        images = [render(size_px) for size_px in sizes_px]
        images[-1].save(
            FOLDER / f"{NAME}.{suffix}", sizes=[(size, size) for size in sizes_px], append_images=images[:-1]
        )


if __name__ == "__main__":
    main()
