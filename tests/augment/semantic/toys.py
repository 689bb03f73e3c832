"""A VAE-GAN that is made in a moment, and faces for it."""

import numpy as np
import torch

from fer_core.augment.semantic.covariance import class_covariances
from fer_core.augment.semantic.sampling import SemanticAugmenter
from fer_core.data.sample import Sample, one_hot
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.labels import EXPRESSIONS
from fer_core.models.vae_gan import VaeGanSize

SIZE = VaeGanSize(size_px=16, width=2, latent=4, embedding=2, classes=len(EXPRESSIONS), attention=False)


def toy_augmenter(seen: int = 7) -> SemanticAugmenter:
    """Untrained; as if it had seen ten encodings of each of the first ``seen`` expressions."""
    torch.manual_seed(0)
    labels = torch.arange(seen).repeat_interleave(10)
    encodings = torch.randn(len(labels), 4) * (1 + labels[:, None])
    augmenter, covariances = SemanticAugmenter(SIZE), class_covariances(encodings, labels, len(EXPRESSIONS))
    return augmenter.learn(augmenter.encoder, augmenter.generator, covariances)


def toy_faces(train: int = 24, valid: int = 8, side_px: int = 32) -> Shard:
    """Happy faces are bright above, sad ones below; the last training face has no label."""
    rng = np.random.default_rng(0)
    samples, jpegs = [], []
    for n in range(train + valid):
        happy = n % 2 == 0
        face = np.full((side_px, side_px, 3), 60, np.uint8)
        face[: side_px // 2] += np.uint8(100 * happy)
        face[side_px // 2 :] += np.uint8(100 * (not happy))
        face += rng.integers(0, 30, (side_px, side_px, 1), np.uint8)
        labelled = {} if n == train - 1 else {"votes": one_hot("happiness" if happy else "sadness")}
        samples.append(Sample("toy", f"{n}.png", "train" if n < train else "valid", **labelled))
        jpegs.append(encode_crop(face))
    return build_shard("toy", DEFAULT_GEOMETRY.scaled(side_px), samples, jpegs, ["detector"] * len(samples))
