"""What is held out: fixed lists, the procedures that drew them, and a rule for data sets without official splits.

``ckplus_test_subjects``: 43 of the 123 subjects of CK+, balanced over action units.
``diffusionfer_test``: half of DiffusionFER's image names, stratified by expression; never used for fitting anything.

The lists are files beside this module, so that a figure always means the same images; the procedures are kept for
the record and for other data sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources

import numpy as np
import numpy.typing as npt

SPLITS = ("ckplus_test_subjects", "diffusionfer_test")


def read_split(name: str) -> frozenset[str]:
    """Names of one list, such as ``read_split("ckplus_test_subjects")``; lines that begin with ``#`` are comments.

    Raises:
        ValueError: for a name that is not in ``SPLITS``.
    """
    if name not in SPLITS:
        raise ValueError(f"there is no split named {name!r}; choose one of {', '.join(SPLITS)}")
    text = resources.files(__package__).joinpath("splits", f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def balanced_groups(
    groups: Sequence[str], positives: npt.ArrayLike, n_test: int, *, seed: int = 0, starts: int = 50
) -> list[str]:
    """Choose test groups (subjects) so that each label's positives split in proportion to the groups.

    From ``starts`` random draws, swaps one test group for one training group while that lowers
    sum_a (t_a - r n_a)^2 / (r n_a), with t_a the test positives of label a, n_a all its positives and r the share of
    test groups; the best of all ends is returned.

    Args:
        groups: distinct names; their order does not matter.
        positives: (G, A) positives of each label in each group.
        n_test: how many groups to choose.
        seed: of the random draws.
        starts: number of random draws.

    Returns:
        ``n_test`` names, sorted.

    Raises:
        ValueError: if names repeat, shapes differ, or ``n_test`` is not within 1..G-1.
    """
    counts = np.asarray(positives, dtype=np.float64)
    if len(set(groups)) != len(groups):
        raise ValueError("group names repeat; sum the positives of each group first")
    if counts.ndim != 2 or len(counts) != len(groups):
        raise ValueError(f"positives has shape {counts.shape}; give (groups, labels) with {len(groups)} groups")
    if not 0 < n_test < len(groups):
        raise ValueError(f"cannot choose {n_test} test groups of {len(groups)}; choose at least one and not all")
    order = np.argsort(np.asarray(groups))
    counts = counts[order]
    counts = counts[:, counts.sum(0) > 0]
    target = counts.sum(0) * n_test / len(groups)
    rng = np.random.default_rng(seed)
    best_cost, best = np.inf, np.empty(0, dtype=np.intp)
    for _ in range(starts):
        shuffled = rng.permutation(len(groups))
        test, cost = _swap_until_best(shuffled[:n_test], shuffled[n_test:], counts, target)
        if cost < best_cost - 1e-12:
            best_cost, best = cost, test
    return sorted(groups[order[i]] for i in best)


def _swap_until_best(
    test: npt.NDArray[np.intp],
    train: npt.NDArray[np.intp],
    counts: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.intp], float]:
    """Steepest descent over single swaps; the cost falls at every step, so it ends."""
    cost = np.inf
    while True:
        total = counts[test].sum(0)
        swapped = total - counts[test][:, None] + counts[train][None]  # (T, R, A)
        costs = ((swapped - target) ** 2 / target).sum(-1)
        i, j = np.unravel_index(np.argmin(costs), costs.shape)
        cost = float(((total - target) ** 2 / target).sum())
        if costs[i, j] >= cost - 1e-12:
            return test, cost
        test, train = test.copy(), train.copy()
        test[i], train[j] = train[j], test[i]


def stratified_half(names: Sequence[str], classes: Sequence[str], *, seed: int = 0) -> list[str]:
    """Half of the names of each class (of an odd class the smaller half), sorted.

    Raises:
        ValueError: if names repeat or the lengths differ.
    """
    if len(names) != len(classes) or len(set(names)) != len(names):
        raise ValueError(
            f"{len(names)} names ({len(set(names))} distinct) for {len(classes)} classes; give one class a name"
        )
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for label in sorted(set(classes)):
        members = sorted(n for n, c in zip(names, classes, strict=True) if c == label)
        chosen += [members[i] for i in rng.permutation(len(members))[: len(members) // 2]]
    return sorted(chosen)


def split_groups(groups: Iterable[str], *, train: float = 0.7, valid: float = 0.15) -> dict[str, str]:
    """``train``, ``valid`` or ``test`` for each group (person, video), for data sets that have no official split.

    The groups are ordered by a hash of their names and cut at the given shares, so that the same groups get the same
    splits on every machine, whatever their order. From three groups on, no split is empty.

    Args:
        groups: names; repeated ones count once.
        train: share of the groups for training, inside 0..1.
        valid: share for validation; the rest is for testing.

    Raises:
        ValueError: when the shares leave nothing to test on.
    """
    if not (train > 0 and valid > 0 and train + valid < 1):
        raise ValueError(
            f"shares of {train} and {valid} leave no test groups; give two shares above 0 with a sum below 1"
        )
    ordered = sorted(set(groups), key=lambda g: hashlib.sha256(g.encode()).digest())
    count = len(ordered)
    first = round(train * count)
    second = first + round(valid * count)
    if count >= 3:
        first = min(max(first, 1), count - 2)
        second = min(max(second, first + 1), count - 1)
    return {
        group: "train" if place < first else "valid" if place < second else "test"
        for place, group in enumerate(ordered)
    }
