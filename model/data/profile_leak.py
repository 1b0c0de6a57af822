"""Similarities that were computed from the associations, and so hold the answer.

Authors ship "similarities" such as the Gaussian interaction profile kernel of *all* associations.
Held-out associations are in it, so any model that reads it scores high on them: kernel ridge
reaches an AUC of 0.96 on a random network without any signal.

Every such kernel of two things is a function of three counts: the associations of either, and those
they share. So this looks at how much of a similarity these counts explain, and which known kernel
is the closest. Measured on the twelve similarities of six data sets (dataset1, dataset2, the demo,
nuclear receptors, GPCRs, HMDD v2), which are none: the counts explain at most 0.46 of the variance,
no kernel correlates above 0.58, and at most 2 % of the cells are a kernel's.

Shape legend: n things of one side, d of the other.
"""

from __future__ import annotations

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.finding import Finding

_MOST = 300  # things that are looked at: 45,000 pairs say enough
_FEWEST = 8  # things with an association; fewer agree by chance
_EXPLAINED = 0.9  # share of the variance, or correlation, from which on it is a leak
_SUSPECT = 0.7
_SAME = 1e-4  # two values that are one, up to the digits that a file keeps
_SAME_SHARE = 0.2  # of a kernel's telling cells


def leaks(dataset: AssociationDataset) -> list[Finding]:
    """Findings of the similarities that are a kernel of the association profiles."""
    found = []
    a_MS = dataset.associations
    for (kind, _, similarity), profiles in zip(dataset.sides, (a_MS, a_MS.T), strict=True):
        if evidence := _evidence(similarity, profiles):
            message, is_leak = evidence
            found.append(
                Finding(
                    message + ", so held-out associations are in it and every score is too high",
                    where=f"{dataset.name}, {kind.similarity}",
                    hint="give a similarity made without the associations, such as of sequences or"
                    " structures; the model makes profile kernels itself, of training associations",
                    is_fault=is_leak,
                    is_leak=is_leak,
                )
            )
    return found


def _evidence(similarity: np.ndarray, profiles: np.ndarray) -> tuple[str, bool] | None:
    """What speaks for a profile kernel, and whether it is beyond doubt."""
    from scipy.stats import rankdata

    live = np.flatnonzero(profiles.any(axis=1))
    if len(live) < _FEWEST:
        return None
    if len(live) > _MOST:
        live = np.sort(np.random.default_rng(0).choice(live, size=_MOST, replace=False))
    pairs = np.triu_indices(len(live), k=1)
    values = np.asarray(similarity[np.ix_(live, live)], dtype=np.float64)[pairs]
    if np.ptp(values) < _SAME:
        return None
    counts = _counts(profiles[live].astype(np.float32), pairs)
    kernels = _kernels(*counts, mean=float(profiles.sum() / len(profiles)))
    ranks = rankdata(values)
    name, correlation = max(
        ((name, _correlation(values, ranks, kernel)) for name, kernel in kernels.items()),
        key=lambda one: one[1],
    )
    whole = f"is the {name} of the associations (correlation {correlation:.2f})"
    if correlation >= _EXPLAINED:
        return whole, True
    for kernel_name, kernel in kernels.items():
        share = _same_share(values, kernel)
        if share >= _SAME_SHARE:
            message = f"holds the {kernel_name} of the associations in {share:.0%} of its cells"
            return message, True
    explained = _explained(values, counts)
    if explained >= _SUSPECT:
        message = (
            f"follows from the numbers of associations and of shared ones ({explained:.0%} of its"
            f" variance; the closest kernel is the {name}, correlation {correlation:.2f})"
        )
        return message, explained >= _EXPLAINED
    if correlation >= _SUSPECT:
        return f"is close to the {name} of the associations (correlation {correlation:.2f})", False
    return None


def _counts(
    profiles: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Of each pair of things the smaller and larger number of associations, the shared ones; d."""
    totals = profiles.sum(axis=1)
    shared = (profiles @ profiles.T)[pairs]
    first, second = totals[pairs[0]], totals[pairs[1]]
    return np.minimum(first, second), np.maximum(first, second), shared, profiles.shape[1]


def _kernels(
    fewer: np.ndarray, more: np.ndarray, shared: np.ndarray, width: int, *, mean: float
) -> dict[str, np.ndarray]:
    """Each named kernel of the profiles, for each pair."""
    distance = fewer + more - 2 * shared
    scatter = np.sqrt(fewer * (width - fewer) * more * (width - more))
    return {
        "Gaussian interaction profile kernel": np.exp(-distance / max(mean, 1e-12)),
        "Jaccard index": shared / (fewer + more - shared),
        "cosine": shared / np.sqrt(fewer * more),
        "Pearson correlation": (width * shared - fewer * more) / np.maximum(scatter, 1e-12),
        "Dice index": 2 * shared / (fewer + more),
        "number of shared ones": shared,
        "Hamming distance": -distance,
    }


def _correlation(values: np.ndarray, ranks: np.ndarray, kernel: np.ndarray) -> float:
    """The larger of Pearson's and Spearman's, without its sign: a distance is a kernel reversed.

    Ranks see through the width of a Gaussian and any other monotone scale.
    """
    from scipy.stats import rankdata

    if np.ptp(kernel) == 0:
        return 0.0
    pearson = np.corrcoef(values, kernel)[0, 1]
    spearman = np.corrcoef(ranks, rankdata(kernel))[0, 1]
    return float(max(abs(pearson), abs(spearman)))


def _same_share(values: np.ndarray, kernel: np.ndarray) -> float:
    """The share of cells that are the kernel's, among those where that is no coincidence."""
    telling = (np.abs(kernel) > _SAME) & (np.abs(kernel) < 1 - _SAME)
    if telling.sum() < _FEWEST * (_FEWEST - 1) / 2:
        return 0.0
    return float((np.abs(values - kernel)[telling] < _SAME).mean())


def _explained(values: np.ndarray, counts: tuple[np.ndarray, np.ndarray, np.ndarray, int]) -> float:
    """The share of the variance that lies between classes of pairs with equal counts, adjusted.

    Adjusted for the number of classes: it is 0 on average where counts say nothing.
    """
    fewer, more, shared, width = counts
    keys = (fewer * (width + 1.0) + more) * (width + 1.0) + shared
    classes = np.unique(keys.astype(np.float64), return_inverse=True)[1]
    sizes = np.bincount(classes)
    freedom = len(values) - len(sizes)
    if freedom < 2 * _FEWEST:
        return 0.0
    within = ((values - (np.bincount(classes, values) / sizes)[classes]) ** 2).sum()
    total = ((values - values.mean()) ** 2).sum()
    return float(1 - within / total * (len(values) - 1) / freedom)
