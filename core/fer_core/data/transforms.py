"""Augmentation of an aligned crop: what cameras, codecs, distance and light do to the same face.

All steps work on (S, S, 3) uint8 with a NumPy generator, so that a sample's augmentation depends on nothing but its
seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.types import Floats, ImageU8

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often and how strongly. Probabilities are per sample; ranges are uniform."""

    flip: float = 0.5
    rotation_deg: float = 8.0
    scale: float = 0.08
    shift: float = 0.04
    """Share of the crop's side."""
    light: float = 0.8
    """Probability of a change of brightness, contrast and gamma."""
    colour: float = 0.5
    """Probability of gains on the three channels (white balance, skin and lamp colour)."""
    hue_deg: float = 0.0
    """Largest turn of the colour circle, at most 180. With ``saturation`` one of the Emotion-GCN thesis's six kinds,
    which networks that see luminance alone hardly notice."""
    saturation: float = 0.0
    """Largest change of the saturation, as a share of it; 0..1."""
    dim: float = 0.0
    """Probability of too little light: down to a tenth, with the noise of a sensor that grows as the signal falls, and
    a gain that makes up for some of it."""
    grey: float = 0.2
    resolution: float = 0.4
    """Probability of a trip through a lower resolution."""
    least_resolution_px: int = 28
    blur: float = 0.15
    noise: float = 0.15
    jpeg: float = 0.3
    erase: float = 0.2
    """Probability of one rectangle of noise, as hands, hair and microphones hide faces."""

    def apply(self, crop: ImageU8, rng: Rng) -> ImageU8:
        """A changed copy of the crop."""
        crop = _warp(crop, _movement(crop.shape[0], rng, self))
        if rng.random() < self.colour:
            crop = _table(crop, [_gain_table(g) for g in rng.uniform(0.8, 1.2, 3)])
        if self.hue_deg or self.saturation:
            crop = _hue_and_saturation(crop, rng, self.hue_deg, self.saturation)
        if rng.random() < self.light:
            crop = _table(crop, [_light_table(rng)] * 3)
        if self.dim and rng.random() < self.dim:
            crop = _dimmed(crop, rng)
        if rng.random() < self.grey:
            crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if rng.random() < self.blur:
            crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 1.6))
        if rng.random() < self.resolution:
            crop = _resolution(crop, rng, self.least_resolution_px)
        if rng.random() < self.noise:
            noise = rng.normal(0, rng.uniform(2, 10), crop.shape[:2])[..., None]
            crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
        if rng.random() < self.jpeg:
            crop = _jpeg(crop, int(rng.integers(25, 90)))
        if rng.random() < self.erase:
            crop = _erase(crop, rng)
        return crop

    def move_mask(self, mask: Floats, rng: Rng) -> Floats:
        """A mask (S, S) moved as :meth:`apply` moves a crop of that size with a generator in the same state."""
        side = mask.shape[0]
        moved: Floats = cv2.warpAffine(mask, _movement(side, rng, self), (side, side), flags=cv2.INTER_LINEAR)
        return moved


def _movement(side: int, rng: Rng, a: Augmentation) -> npt.NDArray[np.float64]:
    """(2, 3) similarity, mirrored or not."""
    centre = ((side - 1) / 2, (side - 1) / 2)
    angle = rng.uniform(-a.rotation_deg, a.rotation_deg)
    matrix: npt.NDArray[np.float64] = cv2.getRotationMatrix2D(centre, angle, rng.uniform(1 - a.scale, 1 + a.scale))
    matrix[:, 2] += rng.uniform(-a.shift, a.shift, 2) * side
    if rng.random() < a.flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += side - 1
    return matrix


def _warp(crop: ImageU8, matrix: npt.NDArray[np.float64]) -> ImageU8:
    side = crop.shape[0]
    warped: ImageU8 = cv2.warpAffine(
        crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped


def _gain_table(gain: float) -> ImageU8:
    table: ImageU8 = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
    return table


def _hue_and_saturation(crop: ImageU8, rng: Rng, hue_deg: float, saturation: float) -> ImageU8:
    turn_deg, gain = rng.uniform(-hue_deg, hue_deg), rng.uniform(1 - saturation, 1 + saturation)
    hsv = cv2.cvtColor(crop.astype(np.float32), cv2.COLOR_RGB2HSV)  # hue in degrees, saturation in 0..1
    hsv[..., 0] = (hsv[..., 0] + turn_deg) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * gain, 0, 1)
    changed: ImageU8 = np.clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).round(), 0, 255).astype(np.uint8)
    return changed


def _light_table(rng: Rng) -> ImageU8:
    x = (np.arange(256) / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    x = (x - 0.5) * rng.uniform(0.6, 1.4) + 0.5 + rng.uniform(-0.2, 0.2)
    table: ImageU8 = np.clip(x * 255, 0, 255).astype(np.uint8)
    return table


def _dimmed(crop: ImageU8, rng: Rng) -> ImageU8:
    share = 10.0 ** rng.uniform(-1, 0)
    noise = rng.normal(0, rng.uniform(0, 4) / share**0.5, crop.shape[:2])[..., None]  # of luminance
    gain = share ** -max(0.0, rng.uniform(-0.5, 0.8))
    dimmed: ImageU8 = np.clip((crop * share + noise) * gain, 0, 255).astype(np.uint8)
    return dimmed


def _table(crop: ImageU8, tables: list[ImageU8]) -> ImageU8:
    changed: ImageU8 = cv2.LUT(crop, np.stack(tables, axis=-1)[None])
    return changed


def _resolution(crop: ImageU8, rng: Rng, least_px: int) -> ImageU8:
    side = crop.shape[0]
    small_px = int(rng.integers(least_px, side))
    small = cv2.resize(crop, (small_px, small_px), interpolation=cv2.INTER_AREA)
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
    restored: ImageU8 = cv2.resize(small, (side, side), interpolation=up)
    return restored


def _jpeg(crop: ImageU8, quality: int) -> ImageU8:
    _, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: ImageU8 = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return decoded


def _erase(crop: ImageU8, rng: Rng) -> ImageU8:
    side = crop.shape[0]
    height, width = (int(v) for v in rng.uniform(0.15, 0.4, 2) * side)
    top, left = int(rng.integers(side - height)), int(rng.integers(side - width))
    crop = crop.copy()
    crop[top : top + height, left : left + width] = rng.integers(0, 256, (height, width, 1), np.uint8)
    return crop
