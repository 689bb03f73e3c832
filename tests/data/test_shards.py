from dataclasses import replace

import numpy as np
import pytest

from fer_core.data.archive import DataError
from fer_core.data.prepare import load_shards
from fer_core.data.sample import Sample, one_hot
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def smooth_crop(seed: int, *, grey: bool = False) -> np.ndarray:
    y, x = np.mgrid[0:112, 0:112] / 112
    waves = [np.sin(3 * x + k + seed) * np.cos(2 * y - k) for k in (range(3) if not grey else (0, 0, 0))]
    return (127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.fixture
def shard() -> Shard:
    au = np.linspace(0, 1, len(ACTION_UNITS)).astype(np.float32)
    samples = [
        Sample("made", "a/1.png", "train", votes=one_hot("fear")),
        Sample("made", "a/längerer name.png", "test", subject="S1", va=np.array([0.5, -1], np.float32)),
        Sample("made", "b.png", "valid", au=au, au_weight=0.3, sequence="clip", frame=4),
    ]
    jpegs = [encode_crop(smooth_crop(i, grey=i == 1)) for i in range(3)]
    return build_shard("made", DEFAULT_GEOMETRY, samples, jpegs, ["detector", "none", "whole_image"])


def test_shard_round_trip(shard, tmp_path):
    path = tmp_path / "made.npz"
    shard.save(path)
    again = Shard.load(path)
    assert len(again) == 3
    assert (again.dataset, again.geometry, again.jpegs) == (shard.dataset, shard.geometry, shard.jpegs)
    for name in ("path", "split", "subject", "landmark_source", "votes", "va", "au", "au_weight", "sequence", "frame"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shard, name))
    assert again.sequence.tolist() == ["", "", "clip"]
    assert again.votes.shape == (3, len(EXPRESSIONS))
    assert np.isnan(again.votes[1:]).all()
    assert again.votes.dtype == again.va.dtype == again.au.dtype == again.au_weight.dtype == np.float32
    assert list(tmp_path.iterdir()) == [path]


def test_shard_without_sequences_takes_them_from_the_paths(shard, tmp_path):
    path = tmp_path / "made.npz"
    replace(shard, path=np.array(["a.png", "clip.mp4#12", "b#c.png"])).save(path)
    with np.load(path) as stored:
        older = {name: stored[name] for name in stored if name not in ("sequence", "frame")}
    np.savez(path, **older)
    again = Shard.load(path)
    assert list(zip(again.sequence.tolist(), again.frame.tolist(), strict=True)) == [
        ("", -1),
        ("clip.mp4", 12),
        ("", -1),
    ]


def test_shard_image_is_the_crop(shard):
    for i in range(3):
        difference = shard.image(i).astype(int) - smooth_crop(i, grey=i == 1)
        assert np.abs(difference).mean() < 2
    grey = shard.image(1)
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_encode_crop_keeps_grey_crops_in_one_channel():
    import cv2

    for grey, channels in ((True, 2), (False, 3)):
        encoded = np.frombuffer(encode_crop(smooth_crop(0, grey=grey)), np.uint8)
        assert cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED).ndim == channels


def test_shard_load_says_what_to_do_about_a_bad_file(shard, tmp_path):
    path = tmp_path / "made.npz"
    with pytest.raises(DataError, match=r"made\.npz does not exist; make it with: fer-core prepare"):
        Shard.load(path)
    shard.save(path)
    whole = path.read_bytes()
    older = tmp_path / "older.npz"
    np.savez(older, jpeg=np.zeros(1, np.uint8))
    for content in (b"", b"not a shard", whole[: len(whole) // 2], older.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match="no shard of this version"):
            Shard.load(path)


def test_load_shards_ignores_what_a_killed_run_left(shard, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="holds no shards; make them with"):
        load_shards(tmp_path)
    shard.save(tmp_path / "made.npz")

    def killed(*_args, **_values):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", killed)
        with pytest.raises(KeyboardInterrupt):
            shard.save(tmp_path / "made.npz")
    assert [s.dataset for s in load_shards(tmp_path)] == ["made"]
