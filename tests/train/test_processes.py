"""Two processes on the CPU against one, with the same global batches."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.recipe import RecipeError, load_recipe
from fer_core.train.trainer import train

# Losses that are no means over samples, and a backbone without batch statistics, for which PyTorch has no
# synchronisation on the CPU.
RECIPE = """
backbone = "test_convnext"
imagenet = false
dropout = 0.0
drop_path_rate = 0.0
batch_size = 8
stages = [{ epochs = 2, size_px = 32 }, { epochs = 1, size_px = 32, train = "va" }]
sampler = { name = "expression" }
gradient_clip = 0.5
ema_decay = 0.5
[losses]
votes = { class_weights = true }
va_ccc = {}
au_asymmetric = {}
center = { weight = 0.1 }
affinity = { weight = 0.1 }
contrastive_negative = { weight = 0.1, margin = 20.0 }
"""


@pytest.fixture(scope="module")
def data(toys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    toys.labelled_shard(24).save(folder / "toy.npz")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


def run(processes: int, data, out, *overrides: str) -> subprocess.CompletedProcess[str]:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
    command = ("train", data / "tiny.toml", "--data", data, "--out", out, *(("--set", *overrides) if overrides else ()))
    return subprocess.run(
        [sys.executable, *launcher, "-m", "fer_core.cli", *map(str, command)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_equal_one(data, tmp_path):
    found = {}
    for processes in (1, 2):
        done = run(processes, data, tmp_path / str(processes))
        assert done.returncode == 0, done.stderr
        found[processes] = load_checkpoint(tmp_path / str(processes) / "checkpoint.pt")
    assert found[1]["step"] == found[2]["step"] == 9
    assert len(found[2]["generators"]) == 2
    for part in ("model", "average", "objective"):
        one, two = (found[processes]["states"][part] for processes in (1, 2))
        assert one.keys() == two.keys()
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
    logs = [(tmp_path / str(processes) / "log.jsonl").read_text() for processes in (1, 2)]
    assert logs[0].count('"valid"') == logs[1].count('"valid"') == 3


@pytest.mark.slow
def test_two_processes_refuse_a_batch_that_they_cannot_share(data, tmp_path):
    done = run(2, data, tmp_path, "batch_size=7")
    assert done.returncode != 0
    assert "2 processes cannot share a batch of 7; change batch_size" in done.stderr


def test_one_process_needs_no_launcher(data, toys, tmp_path):
    recipe = load_recipe(str(data / "tiny.toml"), {"stages": "[{ epochs = 1, size_px = 32 }]", "batch_size": "12"})
    assert train(recipe, [toys.labelled_shard(24)], tmp_path).is_file()
    with pytest.raises(RecipeError, match="another recipe"):
        train(load_recipe(str(data / "tiny.toml")), [toys.labelled_shard(24)], tmp_path)
