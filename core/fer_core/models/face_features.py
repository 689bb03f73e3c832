"""Features of a photograph in which faces of every skin tone and light look alike: directions of edges.

Source: Kollias et al. (2020) take the features of Booth et al., "3D face morphable models in-the-wild" (2017): dense
SIFT, 36 channels of unit length. Where we deviate: gradients divided by their size plus a floor (Cootes & Taylor 2001),
at two scales, 4 channels of at most unit length: the same invariance to light, a tenth of the time.
"""

from __future__ import annotations

import cv2
import numpy as np

from fer_core.types import Floats, ImageU8

FEATURE_CHANNELS = 4
#: Distance between the outer corners of the eyes at which features are taken.
FEATURE_EYES_PX = 60.0
_SCALES_PX = (1.0, 2.5)
#: Gradients that are small beside the face's typical one count little.
_FLOOR = 0.7


def gradient_features(image_u8: ImageU8) -> Floats:
    """(h, w, 4): soft directions of the gradient at two scales of a picture (h, w[, 3]) uint8."""
    grey = image_u8 if image_u8.ndim == 2 else cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY)
    channels: list[Floats] = []
    for scale in _SCALES_PX:
        # The offset of the logarithm keeps noise in dark places small.
        smooth = cv2.GaussianBlur(np.log(grey.astype(np.float32) + 12), (0, 0), scale)
        along_x, along_y = (cv2.Scharr(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
        size = cv2.magnitude(along_x, along_y)
        size += _FLOOR * float(size.mean()) + 1e-6
        channels += [along_x / size, along_y / size]
    features: Floats = np.stack(channels, axis=-1) / np.float32(np.sqrt(len(_SCALES_PX)))
    return features
