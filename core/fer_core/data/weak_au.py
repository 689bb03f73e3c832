"""Soft action-unit labels for images that no FACS coder saw, from the blendshape scores of a face landmarker.

For each unit, a logistic regression of human FACS presence (training subjects of CK+) on the few blendshapes that move
with it. A unit is kept only where its cross-validated area under the ROC curve, grouped by subject, reaches
``MIN_AUC``; the others stay unlabelled (NaN). The score of the nose sneer never fires, so unit 9 has no blendshape, nor
have 10 and 14 a trustworthy one.

CK+ shows posed peaks beside rests: its base rates are not those of faces in the wild, and neither the intercepts nor
an extreme probability carry over. The labels are therefore kept in ``SOFT_RANGE``: rank and direction, not calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_core.data.blendshapes import SOFT_RANGE, BlendshapeTable, both_sides
from fer_core.labels import ACTION_UNITS
from fer_core.types import Floats

MIN_AUC = 0.90
FOLDS = 5


#: Blendshapes that move with each unit; a unit that is absent has none.
UNIT_BLENDSHAPES: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp", *both_sides("browOuterUp", "browDown")),
    2: ("browInnerUp", *both_sides("browOuterUp")),
    4: ("browInnerUp", *both_sides("browDown", "eyeSquint")),
    5: both_sides("eyeWide", "eyeBlink"),
    6: both_sides("cheekSquint", "eyeSquint", "mouthSmile"),
    7: both_sides("eyeSquint", "eyeWide", "browDown"),
    12: both_sides("mouthSmile"),
    15: ("mouthShrugLower", *both_sides("mouthFrown")),
    17: ("mouthShrugLower", "mouthShrugUpper", "mouthRollLower"),
    20: both_sides("mouthStretch", "mouthLowerDown"),
    23: ("mouthRollLower", "mouthRollUpper", "mouthPucker", *both_sides("mouthPress")),
    24: ("mouthRollLower", "mouthRollUpper", "mouthPucker", *both_sides("mouthPress")),
    25: ("jawOpen", *both_sides("mouthLowerDown", "mouthUpperUp")),
    26: ("jawOpen", *both_sides("mouthLowerDown")),
    27: ("jawOpen", "mouthFunnel", *both_sides("mouthLowerDown")),
}


@dataclass(frozen=True, slots=True)
class WeakAuModel:
    """One regression a kept unit, and the cross-validated area of every unit tried."""

    regressions: dict[int, Pipeline]
    auc: dict[int, float]
    """By unit; NaN where the units or subjects did not suffice for cross-validation."""

    @classmethod
    def fit(
        cls, table: BlendshapeTable, au_presence: Floats, subjects: Sequence[str], *, min_auc: float = MIN_AUC
    ) -> WeakAuModel:
        """Fit on training subjects only; the caller selects them.

        Args:
            table: N images.
            au_presence: (N, len(ACTION_UNITS)) 0 or 1, NaN where not coded.
            subjects: (N,) who is in the image.
            min_auc: a unit below is left unlabelled.

        Raises:
            ValueError: when the lengths differ.
        """
        presence = np.asarray(au_presence)
        people = np.asarray(subjects)
        if presence.shape != (len(table.paths), len(ACTION_UNITS)) or len(people) != len(table.paths):
            raise ValueError(
                f"{len(table.paths)} images, presence of shape {presence.shape}, {len(people)} subjects; "
                f"give ({len(table.paths)}, {len(ACTION_UNITS)}) and one subject an image"
            )
        regressions: dict[int, Pipeline] = {}
        auc: dict[int, float] = {}
        for unit, names in UNIT_BLENDSHAPES.items():
            labels = presence[:, ACTION_UNITS.index(unit)]
            coded = np.isfinite(labels)
            scores, present = table.columns(names)[coded], labels[coded] > 0.5
            auc[unit] = _grouped_auc(scores, present, people[coded])
            if auc[unit] >= min_auc:
                regressions[unit] = _regression().fit(scores, present)
        return cls(regressions, auc)

    def predict(self, table: BlendshapeTable) -> Floats:
        """(N, len(ACTION_UNITS)) soft presence within ``SOFT_RANGE``; NaN for units that were not kept."""
        labels = np.full((len(table.paths), len(ACTION_UNITS)), np.nan, np.float32)
        if not table.paths:
            return labels
        for unit, regression in self.regressions.items():
            present = regression.predict_proba(table.columns(UNIT_BLENDSHAPES[unit]))[:, 1]
            labels[:, ACTION_UNITS.index(unit)] = np.clip(present, *SOFT_RANGE)
        return labels


def _regression() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _grouped_auc(scores: Floats, present: npt.NDArray[np.bool_], subjects: npt.NDArray[np.str_]) -> float:
    """Area over all held-out predictions; NaN unless each class is there in at least as many subjects as folds."""
    if min(len(set(subjects[present])), len(set(subjects[~present]))) < FOLDS:
        return float("nan")
    folds = GroupKFold(FOLDS).split(scores, present, subjects)
    held_out = cross_val_predict(_regression(), scores, present, cv=list(folds), method="predict_proba")
    return float(roc_auc_score(present, held_out[:, 1]))
