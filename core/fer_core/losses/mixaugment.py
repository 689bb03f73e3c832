"""The loss of MixAugment: the virtual face and both real ones.

Source: A. Psaroudakis and D. Kollias, "MixAugment & Mixup", CVPR Workshops 2022, eq. 3:
``L = L(virtual) + L(real i) + L(real j)``. A batch that is paired with a permutation of itself holds every image as
``i`` once and as ``j`` once (:mod:`fer_core.data.mixing`), so that the two real losses are the same number and each
image passes the network once: 2 B faces for B virtual ones instead of 3 B. The first term alone is Mixup, eq. 2. The
equation is for cross-entropy; with a concordance or a binary loss it is the extension to valence-arousal and action
units that the authors leave to future work.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from fer_core.data.mixing import Mix, mix_batch


def mixup_loss(loss: Callable[[Tensor, Tensor], Tensor], virtual: Tensor, target: Tensor, mix: Mix) -> Tensor:
    """Loss of the virtual faces, eq. 2.

    Args:
        loss: of predictions (B, D) and targets (B, D), a scalar; it skips NaN targets and does not depend on the order
            of the rows.
        virtual: (B, D) predictions for the mixed images.
        target: (B, D) labels of the real images, NaN where missing.
        mix: how the images were mixed.
    """
    return loss(virtual, mix_batch(target, mix))


def mixaugment_loss(
    loss: Callable[[Tensor, Tensor], Tensor], real: Tensor, virtual: Tensor, target: Tensor, mix: Mix
) -> Tensor:
    """Sum of the losses of virtual faces and of both real ones, eq. 3.

    Args: as of :func:`mixup_loss`, and
        real: (B, D) predictions for the real images.
    """
    return mixup_loss(loss, virtual, target, mix) + 2 * loss(real, target)
