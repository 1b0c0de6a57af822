"""Who may be champion: a pure function of what two versions' tags say of their confirmations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from model.data.kinds import of_record
from model.evaluation.protocol_names import is_same_protocol
from model.evaluation.statistics import corrected_resampled_t_test
from tuning.metric import metric_label, recorded_metric
from tuning.registry.verdict import ALPHA

_NOISE = 1.96  # standard errors, where two versions were measured on different folds


def fold_tags(metric: str, score: np.ndarray, ratio: float, seed: int) -> dict[str, str]:
    """What a later version needs to be compared with this one fold by fold.

    Args:
        score: (J,) the metric of each fold of the fresh splits, splits one after another.
        ratio: associations held out over associations trained on, of one fold.
        seed: of the study; with data and protocol it fixes the fresh splits.
    """
    return {
        f"fresh_{metric}_folds": json.dumps([round(float(value), 6) for value in score]),
        "fresh_ratio": repr(ratio),
        "fresh_seed": str(seed),
    }


def may_be_champion(
    number: int,
    tags: Mapping[str, str],
    present: int | None,
    present_tags: Mapping[str, str],
    baselines_ahead: Sequence[str],
    across: str | None = None,
) -> tuple[bool, str]:
    """Whether a confirmed version becomes champion, and why.

    It does not where a baseline has a higher mean on the fresh splits; nor where the champion is of
    other data, another protocol or another metric, unless that is asked for. Else it does if the
    champion was never confirmed, or if it is better beyond noise: by the paired test on the folds
    that both were measured on, where data, protocol and seed are the same, by two standard errors
    where they are not.

    Args:
        number: of the confirmed version, with its ``tags``.
        present: version that is champion now, with its ``present_tags``; None where there is none.
            Where a champion was trained on everything, both are of the version that was measured.
        baselines_ahead: baselines with a higher mean than the confirmed model, best first.
        across: the command that moves it across data, protocols and metrics, for the refusal; None
            if this is it.
    """
    stays = "there is no champion" if present is None else f"version {present} stays champion"
    if baselines_ahead:
        return False, f"a baseline is ahead ({baselines_ahead[0]}): {stays}"
    if present is None:
        return True, f"version {number} is champion: there was none"
    if present == number:
        return True, f"version {number} stays champion, now measured on fresh splits"
    moves = f"version {number} is champion instead of version {present}"
    metric = recorded_metric(tags)
    if other := _incomparable(tags, present_tags, metric):
        said = f"which {other}: their scores cannot be compared"
        if across is None:
            return True, f"{moves}, {said}"
        return False, f"{stays}, {said}; `{across}` moves it all the same"
    fresh = f"fresh_{metric}"
    if fresh not in present_tags:
        return True, f"{moves}, which was never measured on fresh splits"
    paired = _paired(tags, present_tags, metric)
    if paired is not None:
        better, scores = paired
    else:
        new_score, old_score = float(tags[fresh]), float(present_tags[fresh])
        errors = (float(tags[f"{fresh}_se"]), float(present_tags[f"{fresh}_se"]))
        noise = _NOISE * float(np.hypot(*errors))
        better = new_score - old_score > noise
        scores = (
            f"{_label(tags, metric)} on fresh splits {new_score:.4f} against {old_score:.4f} on"
            f" other folds, noise {noise:.4f}"
        )
    return better, f"{moves if better else stays}: {scores}"


def _incomparable(
    tags: Mapping[str, str], present_tags: Mapping[str, str], metric: str
) -> str | None:
    """What keeps two versions' scores from being compared; None for nothing."""
    if present_tags.get("data_hash") != tags["data_hash"]:
        return "was trained on other data"
    protocol = present_tags.get("protocol")
    if not is_same_protocol(protocol, tags["protocol"]):
        return f"was measured under the protocol {protocol!r}"
    if (old := recorded_metric(present_tags)) != metric:
        return f"was chosen by its {_label(present_tags, old)}"
    return None


def _label(tags: Mapping[str, str], metric: str) -> str:
    return metric_label(metric, of_record(tags.get("kinds")))


def _paired(
    tags: Mapping[str, str], present_tags: Mapping[str, str], metric: str
) -> tuple[bool, str] | None:
    """Whether the new version is significantly better on the folds that both were measured on.

    The fresh splits of a study are numbered and follow from data, protocol and seed, so of two
    confirmations with different ``--splits`` the first folds are the same.

    Returns:
        That and the scores in words; None where the folds are not the same.
    """
    key = f"fresh_{metric}_folds"
    known = key in tags and key in present_tags
    if not known or tags["fresh_seed"] != present_tags["fresh_seed"]:
        return None
    new, old = (np.array(json.loads(one[key])) for one in (tags, present_tags))
    shared = min(len(new), len(old))
    if shared < 2:
        return None
    test = corrected_resampled_t_test(new[:shared] - old[:shared], float(tags["fresh_ratio"]))
    better = test.difference > 0 and test.p_value < ALPHA
    return better, (
        f"{test.difference:+.4f} {_label(tags, metric)} on the same {shared} folds"
        f" (paired, p {test.p_value:.2g})"
    )
