from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch
from torch import Tensor, nn

from fer_core.models.multitask import Outputs
from fer_core.train.distil import softened

from .toys import labelled_shard


class Lopsided(nn.Module):
    """Sure of class 0 when the left half is brighter, of class 1 when the right half is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor) -> Outputs:
        left, right = image.chunk(2, dim=-1)
        logits = torch.zeros(len(image), 8)
        logits[:, 0], logits[:, 1] = left.mean(dim=(1, 2, 3)), right.mean(dim=(1, 2, 3))
        return Outputs(self.scale * logits, torch.zeros(len(image), 2), torch.zeros(len(image), 18))


def test_softened_mixes_answers_to_face_and_mirror_image_into_training_votes(tmp_path):
    shard, network = labelled_shard(), Lopsided()
    (taught,) = softened([shard], network, 32, 0.25, tmp_path / "votes.npz")
    train = shard.split == "train"
    np.testing.assert_array_equal(taught.votes[~train], shard.votes[~train])
    answers = (taught.votes[train] - 0.75 * shard.votes[train]) / 0.25
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    # Mirrored, class 0 becomes class 1: the mean of both answers cannot tell them apart.
    np.testing.assert_allclose(answers[:, 0], answers[:, 1], atol=1e-5)
    assert (answers[:, 0] > 0.3).all()
    np.testing.assert_array_equal(taught.va, shard.va)


def test_softened_reads_what_it_kept(tmp_path):
    shard, path = labelled_shard(), tmp_path / "votes.npz"
    (first,) = softened([shard], Lopsided(), 32, 0.5, path)
    (again,) = softened([shard], Lopsided(), 32, 0.9, path)
    np.testing.assert_array_equal(again.votes, first.votes)


def test_softened_leaves_images_without_votes(tmp_path):
    shard = labelled_shard()
    votes = shard.votes.copy()
    votes[2] = np.nan
    (taught,) = softened([replace(shard, votes=votes)], Lopsided(), 32, 0.5, tmp_path / "votes.npz")
    assert np.isnan(taught.votes[2]).all()
    assert np.isfinite(np.delete(taught.votes, 2, axis=0)).all()
