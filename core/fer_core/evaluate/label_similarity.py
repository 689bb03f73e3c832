"""How alike the learned classifiers of expressions and regressors of valence and arousal are, as numbers and a picture.

Source: P. Antoniadis, thesis, section 6.4.2 and figure 6.4.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fer_core.evaluate.metrics import Reals


def cosine_similarity(vectors: Reals) -> Reals:
    """Cosine similarity (V, V) of vectors (V, F); NaN in the row and column of a vector of zeros."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.full(vectors.shape, np.nan), where=length > 0)
    return np.asarray(unit @ unit.T)


def label_similarity_figure(vectors: Reals, names: Sequence[str]) -> Figure:
    """Cosine similarity of learned vectors (V, F), one a label, as a matrix of colours and numbers.

    For Emotion-GCN the vectors are ``EmotionGcnHead.learned_vectors()``, for a plain network the rows of its expression
    and valence-arousal weights, one below the other.

    Raises:
        ValueError: when there is not one name a vector.
    """
    if vectors.ndim != 2 or len(names) != len(vectors):
        raise ValueError(f"one name a vector is needed, got {len(names)} names and vectors {vectors.shape}")
    similarity = cosine_similarity(vectors)
    size_in = 2.0 + 0.6 * len(names)
    figure = Figure(figsize=(size_in + 0.8, size_in), dpi=120, layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(similarity, cmap="RdBu_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(similarity):
        if np.isfinite(value):
            shade = "white" if abs(value) > 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=shade)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title("Cosine similarity of the learned vectors")
    figure.colorbar(picture, ax=axes, shrink=0.8, label="cosine similarity")
    return figure
