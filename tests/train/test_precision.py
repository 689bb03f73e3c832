from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.train import trainer
from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.recipe import Recipe, Stage
from fer_core.train.trainer import train

TINY = Recipe(
    backbone="test_efficientnet", imagenet=False, batch_size=8, stages=(Stage(1, 32),), checkpoint_every=1, dropout=0.0
)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path)["states"]["model"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU fp16 is fp16")
def test_train_in_fp16_falls_back_to_fp32_without_a_gpu(toys: SimpleNamespace, tmp_path: Path):
    shards = [toys.labelled_shard()]
    full = train(TINY, shards, tmp_path / "full")
    half = train(replace(TINY, precision="fp16"), shards, tmp_path / "half")
    for name, weight in weights_of(full).items():
        assert torch.equal(weights_of(half)[name], weight), name


def test_train_in_bf16_computes_in_it_keeps_full_weights_and_learns_about_the_same(
    toys: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shards = [toys.labelled_shard()]
    seen: set[torch.dtype] = set()
    original = torch.nn.functional.linear

    def linear(values: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        answer = original(values, *rest)
        seen.add(answer.dtype)
        return answer

    full = weights_of(train(TINY, shards, tmp_path / "full"))
    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    half = weights_of(train(replace(TINY, precision="bf16"), shards, tmp_path / "half"))
    assert torch.bfloat16 in seen
    changed = False
    for name, weight in full.items():
        assert half[name].dtype == weight.dtype, name
        torch.testing.assert_close(half[name].float(), weight.float(), atol=0.05, rtol=0.05)
        changed |= not torch.equal(half[name], weight)
    assert changed


def test_train_in_bf16_resumes_to_the_same_numbers(
    toys: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shards = [toys.labelled_shard(train=24)]
    recipe = replace(TINY, precision="bf16", dropout=0.2)  # three steps
    whole = weights_of(train(recipe, shards, tmp_path / "whole"))
    add_up, steps = trainer.add_up, iter(range(2))

    def dying(*answers: Any) -> Any:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return add_up(*answers)

    with monkeypatch.context() as dies:
        dies.setattr(trainer, "add_up", dying)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path / "parts")
    for name, weight in weights_of(train(recipe, shards, tmp_path / "parts")).items():
        assert torch.equal(weight, whole[name]), name
