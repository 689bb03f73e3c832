"""The claims of the recognition papers that ``reproduction.py`` tries, with variants and the papers' own figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of a table."""

    name: str
    recipe: str
    paper: str = "–"
    """What the paper reports, as it prints it."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """Of the recipe, as ``--set`` takes them."""

    @property
    def folder(self) -> str:
        """Of its runs."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class Data(StrEnum):
    """What a variant learns from and is tested on."""

    IMAGES = "images"
    """Images under the labels of FER2013."""
    FEATURES = "features"
    """Stored features of FER+ images."""
    SUBJECTS = "subjects"
    """Stored features of CK+, tested by subject."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One claim."""

    claim: str
    data: Data
    figures: tuple[str, ...]
    paper_figure: str
    """Which figure of the paper stands in the last column."""
    epochs: int
    """Of each stage."""
    batch_size: int
    learning_rate: float
    variants: tuple[Variant, ...]
    hidden: int = 0
    """Width of the trained layer between stored features and head; 0 for none."""
    images: int = 0
    """Of training, where they are images; stored features are all taken."""


_CLASSES = ("accuracy", "macro_f1", "mean_class_accuracy")
_VA = ("ccc_valence", "ccc_arousal")
_THESIS = "accuracy on AffectNet's balanced validation set, 7 classes, DenseNet-121"
_WEIGHTED = Variant("weighted cross-entropy", "weighted_cross_entropy", "64.37")
#: Nodes of a quarter of the usual size, on which most of the time goes.
_SMALL = {"head.node_size": "32"}
_ON_FERPLUS = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-3, "hidden": 256}

EXPERIMENTS = {
    "mixaugment": Experiment(
        claim="Mixup helps, MixAugment helps more, flipping on top still more",
        data=Data.IMAGES,
        figures=(
            *_CLASSES,
            *("confidence_correct_mean", "confidence_wrong_mean"),
            *("confidence_correct_median", "confidence_wrong_median"),
        ),
        paper_figure="accuracy / F1 / mean class accuracy on RAF-DB, ResNet-50 (table 6)",
        images=2000,
        epochs=10,
        batch_size=32,
        learning_rate=1e-3,
        variants=(
            Variant("no mixing", "mix_vanilla", "83.31 / 75.25 / 73.46"),
            Variant("Mixup", "mixup", "84.06 / 75.51 / 74.38"),
            Variant("MixAugment", "mixaugment", "85.04 / 77.30 / 75.32"),
            Variant("MixAugment + flip", "mixaugment_flip", "86.06 / 78.24 / 76.28"),
        ),
    ),
    "losses": Experiment(
        claim="Errors on rare classes that cost more help; so does what valence-arousal says of the classes",
        data=Data.FEATURES,
        figures=_CLASSES,
        paper_figure=f"{_THESIS} (tables 3.1, 3.2, 5.2)",
        **_ON_FERPLUS,
        variants=(
            Variant("cross-entropy", "cross_entropy"),
            _WEIGHTED,
            Variant("soft loss", "soft_loss", "64.68"),
            Variant("logit loss", "logit_loss", "65.05"),
            Variant("focal loss", "focal_loss"),
        ),
    ),
    "metric": Experiment(
        claim="Losses that shape the feature space help expression",
        data=Data.FEATURES,
        figures=_CLASSES,
        paper_figure=f"{_THESIS} (table 4.1)",
        **_ON_FERPLUS,
        variants=(
            _WEIGHTED,
            Variant("centre", "center_loss", "64.37"),
            Variant("centre, local", "center_local_loss", "64.77"),
            Variant("island", "island_loss", "65.11"),
            Variant("island, Euclidean, m 5", "euclidean_island_loss", "65.06"),
            Variant("local subclass, k 5", "local_subclass_loss"),
            Variant("local subclass, margin, k 10", "local_subclass_margin_loss", "65.29"),
            Variant("contrastive pairs", "contrastive_loss"),
            Variant("VA-based centre, local", "va_center_loss", "64.91"),
        ),
    ),
    "multitask": Experiment(
        claim="Valence-arousal as a second task helps expression; a graph of labels helps most",
        data=Data.FEATURES,
        figures=(*_CLASSES, *_VA),
        paper_figure=f"{_THESIS} (tables 5.1, 5.2, 6.1)",
        **_ON_FERPLUS,
        variants=(
            _WEIGHTED,
            Variant("+ MSE, classic", "va_mse", "64.8"),
            Variant("+ CCC, classic", "va_ccc_classic", "65.63"),
            Variant("+ CCC, concatenate", "va_ccc_concatenate", "65.43"),
            Variant("+ CCC, separate", "va_ccc_separate", "65.2"),
            Variant("+ halves, concatenate", "sectors_half", "65.26"),
            Variant("+ quarters, classic", "sectors_quarter", "65.14"),
            Variant("+ eight sectors, concatenate", "sectors_eight", "65.97"),
            Variant("+ twelve sectors, concatenate", "sectors_twelve", "65.11"),
            Variant("+ eight sectors, all expressions equally often", "expression_sampler", "62.77"),
            Variant("Emotion-GCN", "emotion_gcn", "66.46"),
        ),
    ),
    "svm": Experiment(
        claim="A support vector machine on the learned features does a little better than the network's own classifier",
        data=Data.FEATURES,
        figures=("mean_class_accuracy", "svm_mean_class_accuracy"),
        paper_figure=f"{_THESIS}: own classifier, machine (table 5.4)",
        **_ON_FERPLUS,
        variants=(
            _WEIGHTED,
            Variant("island", "island_loss", "65.25, 65.71 (with eight sectors)"),
            Variant("local subclass, margin, k 10", "local_subclass_margin_loss", "65.77, 65.8 (with CCC, k 5)"),
        ),
    ),
    "graph": Experiment(
        claim="Two graph layers with tau 0.1 and p 0.7 are best, one layer is far worse",
        data=Data.FEATURES,
        figures=(*_CLASSES, *_VA),
        paper_figure=f"{_THESIS} (table 6.2, section 6.4.3)",
        **_ON_FERPLUS,
        variants=(
            Variant("one layer", "emotion_gcn_1_layer", "53.71"),
            Variant("two layers", "emotion_gcn", "66.46"),
            Variant("three layers", "emotion_gcn_3_layers", "64.74"),
            Variant("two layers, tau 0", "emotion_gcn", "65.29", {"head.threshold": "0.0"}),
            Variant("two layers, tau 0.15", "emotion_gcn", "65.69", {"head.threshold": "0.15"}),
            Variant("two layers, p 0.2", "emotion_gcn", "65.71", {"head.weight": "0.2"}),
            Variant("two layers, edges between expressions", "emotion_gcn_expressions", "66.23"),
        ),
    ),
    "au": Experiment(
        claim="Node learning finds units no better than one layer, with sharpness-aware minimisation better",
        data=Data.SUBJECTS,
        figures=("au_f1", "au_f1_half", "au_auc"),
        paper_figure="mean F1 of 12 units on s-Aff-Wild2 (table 2)",
        epochs=15,
        batch_size=64,
        learning_rate=1e-3,
        variants=(
            Variant("fully connected", "au_fc", "47.9", {"learning_rate": "1e-2"}),
            Variant("node learning", "au_nodes", "47.7", _SMALL),
            Variant("node learning + SAM", "au_nodes_sam", "49.9", _SMALL),
        ),
    ),
    "attention": Experiment(
        claim="Expressions that attend to units are recognised better",
        data=Data.SUBJECTS,
        figures=_CLASSES,
        paper_figure="macro F1 on s-Aff-Wild2 (table 4)",
        epochs=15,
        batch_size=64,
        learning_rate=1e-2,
        variants=(
            Variant("without cross attention", "au_staged_no_attention", "32.2", _SMALL),
            Variant("with cross attention", "au_staged", "33.3", _SMALL),
            Variant("with cross attention, all at once", "au_joint", changes=_SMALL),
        ),
    ),
}
