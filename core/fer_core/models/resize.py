"""Antialiased resizing as two matrix products.

A network may be trained at another resolution than that of the aligned crop. ONNX has no operator that equals PyTorch's
antialiased bilinear interpolation, but that interpolation is linear and separable: with R (out, in) its effect on one
axis, an image X becomes R X R^T. So the exported file resizes exactly as training did.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class AntialiasResize(nn.Module):
    """Images (B, C, in_px, in_px) to (B, C, out_px, out_px); the identity when the sizes are equal."""

    matrix: Tensor

    def __init__(self, in_px: int, out_px: int) -> None:
        super().__init__()
        self.same = in_px == out_px
        columns = torch.eye(in_px)[None, None]  # every column is one unit pixel
        matrix = functional.interpolate(columns, size=(out_px, in_px), mode="bilinear", antialias=True)[0, 0]
        self.register_buffer("matrix", matrix)  # (out, in)

    def forward(self, image: Tensor) -> Tensor:
        """Resizes both axes."""
        if self.same:
            return image
        return self.matrix @ image @ self.matrix.T
