"""CNN and GRU, for video: every frame is answered from itself and from the frames before it.

Source: the VGG-FACE-GRU and ResNet-GRU of D. Kollias et al., "Deep Neural Network Augmentation: Generating Faces for
Affect Analysis" (IJCV 2020), section 6.2.3, which are those of "Deep Affect Prediction in-the-Wild" (IJCV 2019): a CNN
a frame, two GRU layers of 128 units, a linear layer. Deviations: the CNN's pooled features are fed directly (their
networks have fully connected layers between), valence-arousal goes through tanh, and expression
and action units are answered too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from fer_core.models.head import FeatureExtractor, Features, Pooling
from fer_core.models.multitask import Outputs, normalise
from fer_core.models.options import check_options


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentOptions:
    """Options of :class:`RecurrentNet`."""

    pooling: Pooling = "backbone"
    hidden: int = 128
    layers: int = 2
    every_frame: bool = False
    """Answer for each frame of a clip instead of for the last."""

    def __post_init__(self) -> None:
        check_options(self)


class RecurrentNet(nn.Module):
    """Clips to answers, a frame at a time; no frame sees a later one. For live video there is :meth:`stream`.

    A clip is answered by its last frame, (B, ...), or with ``every_frame`` by each, (B * T, ...): clip b at time t is
    in row ``b * T + t``, so that every loss and metric for images takes it, with labels reshaped alike.

    Args:
        backbone: features of an image.
        expressions: E.
        units: A.
        options: of the GRU.
        dropout: on the features of frames, before the GRU.
    """

    def __init__(
        self,
        backbone: FeatureExtractor,
        expressions: int,
        units: int,
        options: RecurrentOptions,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.options = options
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(backbone.num_features, options.hidden, options.layers, batch_first=True)
        self.expression = nn.Linear(options.hidden, expressions)
        self.va = nn.Linear(options.hidden, 2)
        self.au = nn.Linear(options.hidden, units)

    def forward(self, clips_rgb: Tensor) -> Outputs:
        """Answers for clips (B, T, 3, S, S) with values 0..255; an image (B, 3, S, S) is a clip of one frame.

        Raises:
            ValueError: for another shape.
        """
        if clips_rgb.ndim == 4:
            clips_rgb = clips_rgb[:, None]
        if clips_rgb.ndim != 5:
            raise ValueError(f"clips must be (B, T, 3, S, S) or (B, 3, S, S), got {tuple(clips_rgb.shape)}")
        features = self.frame_features(clips_rgb.flatten(0, 1))  # (B * T, F)
        hidden, _ = self.sequence(self.dropout(features.reshape(*clips_rgb.shape[:2], -1)))  # (B, T, H)
        return self._read(hidden.flatten(0, 1) if self.options.every_frame else hidden[:, -1])

    def frame_features(self, image_rgb: Tensor) -> Tensor:
        """Features (N, F) of single crops (N, 3, S, S), to store where the CNN is frozen."""
        return cast(Features, self.backbone(normalise(image_rgb))).pooled

    def sequence(self, features: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the GRU makes of consecutive frames.

        Args:
            features: (B, T, F).
            state: what the call for the frames before returned; None at the beginning of a clip.

        Returns:
            Hidden features (B, T, H), and the state (L, B, H) to go on with.
        """
        hidden, state = self.gru(features, state)
        return hidden, cast(Tensor, state)

    def stream(self, image_rgb: Tensor, state: Tensor | None = None) -> tuple[Outputs, Tensor]:
        """Answers (B, ...) for the next frame (B, 3, S, S) of B videos, and the state to go on with."""
        hidden, state = self.sequence(self.frame_features(image_rgb)[:, None], state)
        return self._read(hidden[:, 0]), state

    def _read(self, hidden: Tensor) -> Outputs:
        return Outputs(self.expression(hidden), torch.tanh(self.va(hidden)), self.au(hidden), hidden)

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """``recurrent``: everything behind the CNN, which the papers keep as it was trained on images."""
        return {"recurrent": (self.dropout, self.gru, self.expression, self.va, self.au)}
