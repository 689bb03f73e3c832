"""Images and folders of images as sources."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from fer_core.media.errors import MediaError
from fer_core.media.source import open_source


def save(path, image, *params):
    ok, data = cv2.imencode(path.suffix, image, params)
    assert ok
    path.write_bytes(data.tobytes())
    return path


def only_frame(path):
    with open_source(path) as source:
        (frame,) = source.frames()
    return frame


def bgr(height=30, width=40):
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 2] = 200  # red
    image[: height // 2, : width // 2] = (0, 100, 0)  # a green upper left quarter
    return image


def with_exif_orientation(jpeg, orientation):
    """Insert an Exif segment with that orientation behind the start marker."""
    ifd = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + ifd
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"])
def test_image_becomes_contiguous_rgb(tmp_path, suffix):
    frame = only_frame(save(tmp_path / f"red{suffix}", bgr()))
    image = frame.image_rgb_u8
    assert (image.shape, image.dtype) == ((30, 40, 3), np.uint8)
    assert image.flags.c_contiguous
    assert np.abs(image[20:, 25:].astype(int) - (200, 0, 0)).mean() < 12
    assert (frame.index, frame.time_s, frame.name) == (0, 0.0, f"red{suffix}")


def test_image_of_grey_alpha_and_16_bits_becomes_8_bit_rgb(tmp_path):
    grey = only_frame(save(tmp_path / "g.png", np.full((5, 6), 77, np.uint8))).image_rgb_u8
    assert grey.shape == (5, 6, 3)
    assert (grey == 77).all()
    alpha = np.dstack([bgr(), np.full((30, 40), 9, np.uint8)])
    assert (only_frame(save(tmp_path / "a.png", alpha)).image_rgb_u8[25, 30] == (200, 0, 0)).all()
    deep = only_frame(save(tmp_path / "d.png", np.full((5, 6, 3), 200 * 257, np.uint16))).image_rgb_u8
    assert deep.dtype == np.uint8
    assert np.abs(deep.astype(int) - 200).max() <= 1


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, lambda a: a), (2, np.fliplr), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
def test_image_honours_exif_orientation(tmp_path, orientation, upright):
    path = save(tmp_path / "photo.jpg", bgr(), cv2.IMWRITE_JPEG_QUALITY, 98)
    path.write_bytes(with_exif_orientation(path.read_bytes(), orientation))
    expected = upright(bgr()[:, :, ::-1])
    image = only_frame(path).image_rgb_u8
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 12


def test_image_is_known_by_its_content_not_its_name(tmp_path):
    path = save(tmp_path / "photo.png", bgr()).rename(tmp_path / "photo.mp4")
    assert only_frame(path).image_rgb_u8.shape == (30, 40, 3)


def test_folder_is_a_sequence_in_natural_order(tmp_path):
    folder = tmp_path / "Bilder – 画像"
    folder.mkdir()
    for name in ("img10.png", "img9.png", "Img1.JPG", "é.png", ".hidden.png"):
        save(folder / name, bgr())
    (folder / "notes.txt").write_text("no image")
    with open_source(folder) as source:
        info, frames = source.info, list(source.frames())
    assert [f.name for f in frames] == ["Img1.JPG", "img9.png", "img10.png", "é.png"]
    assert [(f.index, f.time_s) for f in frames] == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    assert (info.name, info.frame_count, info.frame_rate_hz, info.duration_s) == (folder.name, 4, None, None)


def test_folder_keeps_the_place_of_a_broken_image(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.jpg", bgr(300, 400))
    (tmp_path / "0.jpg").write_bytes(b"\xff\xd8\xff no image")
    with open_source(tmp_path) as source:
        assert (source.info.width_px, source.info.height_px) == (400, 300)
        frames = list(source.frames())
    assert [f.image_rgb_u8 is None for f in frames] == [True, False, False]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_image_that_breaks_off_is_not_taken_for_whole(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    path = save(tmp_path / f"cut{suffix}", noise)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * kept)])
    with pytest.raises(MediaError, match="breaks off"):
        open_source(path)


def test_jpeg_with_other_data_behind_its_end_is_whole(tmp_path):
    path = save(tmp_path / "motion.jpg", bgr(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    path.write_bytes(path.read_bytes() + b"\xff\xda trailing video of a phone")
    assert only_frame(path).image_rgb_u8.shape == (30, 40, 3)


def test_folder_without_images_and_image_without_picture_say_so(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MediaError, match="folder without videos or images"):
        open_source(empty)
    (empty / "a.jpg").write_bytes(b"\xff\xd8\xff no image")
    (empty / "b.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match="none of its 2 images"):
        open_source(empty)
    with pytest.raises(MediaError, match=r"a\.jpg"):
        open_source(empty / "a.jpg")
    heic = tmp_path / "phone.heic"
    heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(MediaError, match="HEIC"):
        open_source(heic)


def test_folder_closed_in_the_middle_ends(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", bgr())
    source = open_source(tmp_path)
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []
