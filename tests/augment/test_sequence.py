import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from fer_core.augment.affect3d import FittedFace, Synthesiser, SynthesisError, Target
from fer_core.augment.affect3d.mark import SOURCE_TYPE
from fer_core.augment.affect3d.sequence import (
    AffectSequence,
    follow_path,
    show_target,
    write_image,
    write_images,
    write_video,
)
from fer_core.media.errors import MediaError
from fer_core.media.images import read_image
from fer_core.types import Frame

PATH = np.array([(-0.5, 0.0), (0.0, 0.6), (0.5, 0.2)], np.float32)


class StopError(Exception):
    pass


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    return Synthesiser.load()


def frames(count: int, side_px: int = 32) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index / 10, np.full((side_px, side_px, 3), 20 * index, np.uint8))


def broken(count: int) -> Iterator[Frame]:
    yield from frames(count)
    raise StopError


def test_follow_path_begins_and_ends_with_the_drawing(synthesiser: Synthesiser) -> None:
    sequence = follow_path(PATH, 2.0, 25, synthesiser.model)
    assert len(sequence.weights) == 50
    assert sequence.duration_s == 2.0
    assert sequence.va is not None
    np.testing.assert_allclose(sequence.va[[0, -1]], PATH[[0, -1]], atol=1e-6)
    for k in (0, 17, 49):
        expected = Target.point(*sequence.va[k]).weights(synthesiser.model)
        np.testing.assert_allclose(sequence.weights[k], expected, atol=1e-5)


def test_show_target_rises_stays_and_falls(synthesiser: Synthesiser) -> None:
    full = Target.expression("anger").weights(synthesiser.model)
    sequence = show_target(Target.expression("anger"), 2.0, 30, synthesiser.model, 0.5)
    share = sequence.weights @ full / (full @ full)
    assert sequence.va is None
    assert share[0] == share[-1] == 0
    assert share.max() == pytest.approx(0.5, abs=1e-6)
    assert (share > 0.499).sum() >= 12
    assert (np.diff(share[: share.argmax() + 1]) >= 0).all()
    np.testing.assert_allclose(share, share[::-1], atol=1e-5)
    assert np.abs(np.diff(share, 2)).max() < 0.02


def test_show_target_goes_through_the_plane_to_a_point(synthesiser: Synthesiser) -> None:
    sequence = show_target(Target.point(0.6, -0.4), 1.0, 20, synthesiser.model)
    assert sequence.va is not None
    np.testing.assert_allclose(sequence.va[10], (0.6, -0.4), atol=1e-6)
    np.testing.assert_allclose(sequence.va[0], 0)
    np.testing.assert_allclose(sequence.va[:, 0] * -0.4, sequence.va[:, 1] * 0.6, atol=1e-6)


def test_sequence_frames_are_rendered_one_by_one(synthesiser: Synthesiser, made_fit: FittedFace) -> None:
    sequence = show_target(Target.expression("happiness"), 0.5, 10, synthesiser.model)
    made = list(sequence.frames(synthesiser, made_fit))
    assert [frame.time_s for frame in made] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert np.array_equal(made[0].image_rgb_u8, made_fit.photo_rgb_u8)
    expected = synthesiser.render(made_fit, Target.expression("happiness"))
    assert np.array_equal(made[2].image_rgb_u8, expected)


@pytest.mark.parametrize(
    ("duration_s", "fps", "intensity"), [(0.0, 25, 1.0), (1.0, 0, 1.0), (1.0, 25, -0.1), (1.0, 25, 1.6)]
)
def test_sequence_refuses_what_has_no_meaning(
    synthesiser: Synthesiser, duration_s: float, fps: float, intensity: float
) -> None:
    with pytest.raises(SynthesisError):
        show_target(Target.expression("fear"), duration_s, fps, synthesiser.model, intensity)
    with pytest.raises(SynthesisError):
        follow_path(PATH, duration_s, fps, synthesiser.model, intensity)


def test_write_image_keeps_every_pixel_and_replaces_what_was_there(tmp_path: Path) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    (tmp_path / "größe.png").write_bytes(b"old")
    write_image(tmp_path / "größe.png", picture)
    np.testing.assert_array_equal(read_image(tmp_path / "größe.png"), picture)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_write_image_marks_it_as_synthetic(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face{suffix}"
    write_image(path, np.full((16, 16, 3), 90, np.uint8))
    data = path.read_bytes()
    assert np.abs(read_image(path).astype(int) - 90).max() <= 2
    packet = data[data.index(b"<?xpacket begin") : data.index(b'end="r"?>') + len(b'end="r"?>')]
    root = ElementTree.fromstring(packet.decode("utf-8").split("?>", 1)[1].rsplit("<?", 1)[0])
    values = [value for element in root.iter() for value in element.attrib.values()]
    assert SOURCE_TYPE in values
    if suffix == ".png":
        at, kinds = 8, []
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            chunk = data[at + 4 : at + 8 + length]
            assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(chunk)
            kinds.append(chunk[:4])
            at += 12 + length
        assert kinds[:2] == [b"IHDR", b"iTXt"]
        assert kinds[-1] == b"IEND"


def test_write_image_says_what_is_wrong(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(MediaError, match=r"use one of \.png"):
        write_image(tmp_path / "a.gif", picture)
    with pytest.raises(MediaError, match="cannot be written"):
        write_image(tmp_path / "gone" / "a.png", picture)
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(MediaError, match="cannot be written"):
        write_image(tmp_path / "taken.png", picture)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


def test_write_images_makes_a_whole_folder_or_none(tmp_path: Path) -> None:
    stale = tmp_path / "whole.part"
    stale.mkdir()
    (stale / "frame-00099.png").write_bytes(b"of a run that was killed")
    assert write_images(tmp_path / "whole", frames(3)) == 3
    assert sorted(p.name for p in (tmp_path / "whole").iterdir()) == [f"frame-0000{k}.png" for k in range(3)]
    assert read_image(tmp_path / "whole" / "frame-00002.png")[0, 0, 0] == 40
    with pytest.raises(MediaError, match="exists already"):
        write_images(tmp_path / "whole", frames(1))
    with pytest.raises(StopError):
        write_images(tmp_path / "half", broken(3))
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_write_video_makes_a_whole_file_or_none(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mp4", frames(6), 10)
    with av.open(str(tmp_path / "whole.mp4")) as container:
        decoded = list(container.decode(video=0))
    assert [frame.time for frame in decoded] == pytest.approx([k / 10 for k in range(6)], abs=1e-3)
    assert decoded[5].to_ndarray(format="rgb24").mean() == pytest.approx(100, abs=3)
    data, at, boxes = (tmp_path / "whole.mp4").read_bytes(), 0, []
    while at < len(data):
        boxes.append(data[at + 4 : at + 8])
        at += struct.unpack(">I", data[at : at + 4])[0]
    assert at == len(data)
    assert boxes[-1] == b"uuid"
    assert SOURCE_TYPE.encode() in data
    for fault, error in ((broken(4), StopError), (iter(()), MediaError)):
        with pytest.raises(error):
            write_video(tmp_path / "half.mp4", fault, 10)
    with pytest.raises(MediaError, match="cannot be written"):
        write_video(tmp_path / "gone" / "a.mp4", frames(2), 10)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.mp4"]


def test_sequence_is_as_long_as_its_frames(synthesiser: Synthesiser) -> None:
    sequence = AffectSequence(8, np.zeros((12, len(synthesiser.model.unit_names)), np.float32), None)
    assert sequence.duration_s == 1.5


def test_sequence_scaled_is_weaker_in_every_frame(synthesiser: Synthesiser) -> None:
    full = follow_path(PATH, 1.0, 10, synthesiser.model)
    half = follow_path(PATH, 1.0, 10, synthesiser.model, 0.5)
    np.testing.assert_allclose(full.scaled(0.5).weights, half.weights, atol=1e-6)
    with pytest.raises(SynthesisError, match="intensity 2"):
        full.scaled(2.0)
