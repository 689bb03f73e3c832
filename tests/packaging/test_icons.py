from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSize
from PySide6.QtGui import QImage, QImageReader

ICONS = Path(__file__).resolve().parents[2] / "assets" / "icon"


def sizes(path: Path) -> set[int]:
    """Widths of all pictures in a file; each has to be square."""
    reader = QImageReader(str(path))
    found = set()
    for number in range(reader.imageCount()):
        assert reader.jumpToImage(number)
        image = reader.read()
        assert image.width() == image.height()
        found.add(image.width())
    return found


@pytest.mark.parametrize("size_px", [16, 32, 48, 64, 128, 256, 512])
def test_png_has_the_size_in_its_name_and_clear_corners(size_px):
    image = QImage(str(ICONS / f"fer-studio-{size_px}.png"))
    assert image.size() == QSize(size_px, size_px)
    assert image.pixelColor(0, 0).alpha() < 128
    assert image.pixelColor(size_px // 2, size_px // 4).alpha() == 255


def test_ico_has_all_sizes_that_windows_asks_for():
    assert sizes(ICONS / "fer-studio.ico") == {16, 24, 32, 48, 64, 128, 256}


def test_icns_is_whole():
    data = (ICONS / "fer-studio.icns").read_bytes()
    assert data[:4] == b"icns"
    assert int.from_bytes(data[4:8], "big") == len(data)


@pytest.mark.parametrize("name", ["fer-studio.svg", "fer-studio-small.svg"])
def test_drawing_is_a_square_svg(name):
    reader = QImageReader(str(ICONS / name), QByteArray(b"svg"))
    assert reader.canRead()
    assert reader.size().width() == reader.size().height()


def test_icons_are_small_in_the_repository():
    assert sum(path.stat().st_size for path in ICONS.iterdir()) < 300_000
