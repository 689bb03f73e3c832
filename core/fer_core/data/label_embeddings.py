"""Word vectors of labels, out of a text file in GloVe's format.

A line is a word and its numbers, separated by single spaces (J. Pennington, R. Socher & C. Manning, "GloVe: Global
Vectors for Word Representation", EMNLP 2014). Emotion-GCN starts from such vectors; its thesis uses 300 dimensions.
The file that is shipped has the 12 words needed, in 50 dimensions; ``assets/embeddings/README.md`` says where from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.assets import asset_path
from fer_core.types import Floats

SHIPPED = ("embeddings", "glove-6b-50d-labels.txt")
#: The words of the graph's nodes in the thesis (section 6.3.2); other labels are looked up as they are.
NODE_WORDS = {"happiness": "happy", "sadness": "sad"}
DIMENSIONS = ("valence", "arousal")


def node_words(expressions: Sequence[str]) -> tuple[str, ...]:
    """Words of the nodes: expressions in order, then valence and arousal."""
    return (*(NODE_WORDS.get(e, e) for e in expressions), *DIMENSIONS)


def read_embeddings(words: Sequence[str], path: Path | None = None) -> Floats:
    """Vectors (W, d) of words, from ``path`` or from the shipped file.

    Files of several gigabytes are fine: they are read by line, no further than needed.

    Raises:
        ValueError: when the file is missing or no text, lacks a word, or has a line with something else than numbers
            or with another count of them.
    """
    source = path or asset_path(*SHIPPED)
    wanted, found = set(words), dict[str, Floats]()
    try:
        with source.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                word, _, numbers = line.rstrip("\n").partition(" ")
                if word in wanted and word not in found:
                    found[word] = _vector(numbers, f"{source}, line {number}")
                    if len(found) == len(wanted):
                        break
    except OSError as error:
        raise ValueError(f"{source}: cannot be read ({error.strerror}); name a text file of GloVe vectors") from None
    except UnicodeDecodeError:
        raise ValueError(f"{source}: is no UTF-8 text; name a text file of GloVe vectors") from None
    if missing := [w for w in words if w not in found]:
        raise ValueError(
            f"{source}: has no vector for {', '.join(missing)}; name a file with all of {', '.join(words)}"
        )
    sizes = {word: len(vector) for word, vector in found.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"{source}: vectors differ in length ({sizes}); the file is damaged")
    return np.stack([found[w] for w in words])


def _vector(numbers: str, where: str) -> Floats:
    try:
        vector = np.array(numbers.split(), np.float32)
    except ValueError as error:
        raise ValueError(f"{where}: not a word and its numbers ({error})") from None
    if not vector.size or not np.isfinite(vector).all():
        raise ValueError(f"{where}: not a word and its numbers (none, or not finite)")
    return vector
