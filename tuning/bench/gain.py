"""What a search adds: its winner beside random search's, start points, an ensemble, baselines.

All are measured on fresh splits of the development associations, those that `confirm` draws, which
have chosen nothing. `confirm` does that for one study, registers a model and opens the sealed part;
here nothing is registered and nothing opened.

Shape legend: J folds of all splits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from model.baselines.registry import core
from model.errors import InputError
from model.evaluation.fresh_splits import development_part
from model.evaluation.statistics import corrected_resampled_t_test, corrected_standard_error
from model.network.autoencoder import Configuration
from search_spaces.loading import load_space
from search_spaces.priors import shipped_priors
from tuning.cluster.session import ray_session, trial_resources
from tuning.confirm.confirmation import ConfirmationPlan, fold_ratio
from tuning.confirm.tasks import OnSplit, ensemble_on_splits, measure_on_fresh_splits
from tuning.record.finished_study import Candidate, FinishedStudy
from tuning.record.study_record import runs_of

FILE = Path(__file__).with_name("recordings") / "gains.json"
METRICS = ("auc", "ap", "hits_at_100")
SEARCH, ENSEMBLE, RANDOM = "winner of the search", "its ensemble", "winner of random search"
PUBLISHED, PRIOR = "published settings", "hand-tuned point"
ROLES = (PUBLISHED, PRIOR, RANDOM, SEARCH, ENSEMBLE)


@dataclass(frozen=True)
class Gain:
    """What was measured for one study. Each figure is a list of J values, one split after another.

    Args:
        trials: of the study.
        random_compute: compute of the trials that random search was granted, over the study's.
        test_train_ratio: associations held out over associations trained on, of one fold.
        folds: of each of `ROLES` and each baseline its `METRICS`; what diverged is left out.
        epochs: that the configurations were trained.
    """

    dataset: str
    data_hash: str
    protocol: str
    trials: int
    random_compute: float
    splits: int
    test_train_ratio: float
    folds: Mapping[str, Mapping[str, Sequence[float]]]
    epochs: Mapping[str, int]

    @property
    def key(self) -> tuple[str, str, int]:
        return self.dataset, self.protocol, self.trials

    @property
    def best_baseline(self) -> str:
        """By its AUC on these same splits, which favours it a little."""
        names = [name for name in self.folds if name not in ROLES]
        return max(names, key=lambda name: float(np.mean(self.folds[name]["auc"])))

    def mean(self, name: str, metric: str) -> tuple[float, float]:
        """The mean over folds and splits, and its corrected standard error."""
        values = np.array(self.folds[name][metric])
        return float(values.mean()), corrected_standard_error(values, self.test_train_ratio)

    def ahead(self, name: str, other: str, metric: str = "auc") -> tuple[float, float, float]:
        """By how much one is ahead of another, its standard error, and the two-sided p value."""
        ours, theirs = (np.array(self.folds[one][metric]) for one in (name, other))
        test = corrected_resampled_t_test(ours - theirs, self.test_train_ratio)
        return test.difference, test.standard_error, test.p_value


def measure_gain(
    study: FinishedStudy,
    other: FinishedStudy,
    splits: int,
    progress: Callable[[int, int], None],
) -> Gain:
    """Measure a study's winner and what it is compared with.

    Args:
        study: of the search.
        other: of random search, on the same data, folds and space; of its trials those count that
            were begun within the compute of the study's.

    Raises:
        InputError: the studies cannot be compared.
    """
    for what in ("data_hash", "protocol", "seed", "space"):
        ours, theirs = (one.record.tags.get(what) for one in (study, other))
        if ours != theirs:
            raise InputError(f"the studies differ in {what}: {ours} and {theirs}", where=other.name)
    within, share = _within(other, sum(_compute(study).values()))
    winner = next((one for one in other.candidates if one.name in within), None)
    if winner is None:
        raise InputError("no trial of random search has ended by then", where=other.name)
    configurations = _configurations(study, winner)
    members = study.ensemble.members if study.ensemble else {}
    library = {one.name: one.configuration for one in study.candidates if one.name in members}
    plan = ConfirmationPlan(study, top=1, splits=splits)
    part = development_part(study.dataset, study.protocol, study.seed)
    ratio = fold_ratio(plan, part)
    with ray_session():
        found = measure_on_fresh_splits(
            part,
            study.protocol,
            configurations | library,
            core(),
            plan.seeds,
            trial_resources(None),
            progress,
            members=list(members),
        )
    measured = {name: found[name] for name in (*configurations, *core())}
    if members:
        seeds = plan.seeds
        measured[ENSEMBLE] = ensemble_on_splits(found, members, part, study.protocol, seeds)
    figures = {name: _figures(on_splits) for name, on_splits in measured.items()}
    return Gain(
        dataset=study.dataset.name,
        data_hash=study.dataset.content_hash,
        protocol=study.protocol.name,
        trials=len(_compute(study)),
        random_compute=share,
        splits=splits,
        test_train_ratio=ratio,
        folds={name: one for name, one in figures.items() if np.isfinite(one["auc"]).all()},
        epochs={name: one.training.epochs for name, one in configurations.items()},
    )


def _configurations(study: FinishedStudy, winner: Candidate) -> dict[str, Configuration]:
    """What is trained, by role.

    The published settings and the hand-tuned point have the epoch of their trials. Where the study
    did not begin with them they are trained to the space's longest budget.
    """
    name = study.record.tags["space"]
    space = load_space(name)
    points = [(PUBLISHED, "published", p) for p in space.start_points() if space.is_published(p)]
    for prior, one in shipped_priors().priors.items():
        if one.space == name:
            points.append((PRIOR, prior, space.point(space.settings(dict(one.point)))))
    roles = {SEARCH: study.candidates[0].configuration, RANDOM: winner.configuration}
    for role, start, point in points:
        own = (one for one in study.candidates if one.name.endswith(f" ({start})"))
        found = next(own, None)
        roles[role] = found.configuration if found else space.configuration(point)
    return roles


def _compute(study: FinishedStudy) -> dict[str, float]:
    """Seconds in which each trial trained and was scored, in the order in which they began."""
    record = study.record
    runs = runs_of(record.client, record.experiment_id, "tags.kind = 'trial'")
    runs.sort(key=lambda run: run.info.start_time)
    return {str(run.info.run_name): run.data.metrics.get("device_seconds", 0.0) for run in runs}


def _within(study: FinishedStudy, seconds: float) -> tuple[set[str], float]:
    """The first trials that together took at most so long, and how long over that."""
    taken, within = 0.0, set()
    for name, own in _compute(study).items():
        if taken + own > seconds:
            break
        taken += own
        within.add(name)
    return within, taken / seconds


def _figures(on_splits: Sequence[OnSplit]) -> dict[str, list[float]]:
    folds = [fold for split in on_splits for fold in split.folds]
    return {metric: [round(fold[metric], 6) for fold in folds] for metric in METRICS}


def read_gains(path: Path) -> list[Gain]:
    """What was measured before; nothing where there is no such file."""
    if not path.is_file():
        return []
    return [Gain(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


def add_gain(path: Path, gain: Gain) -> list[Gain]:
    """Write a gain into a file, in the place of one of the same data, protocol and trials."""
    gains = [one for one in read_gains(path) if one.key != gain.key]
    gains = sorted([*gains, gain], key=lambda one: one.key)
    text = ",\n".join(json.dumps(vars(one)) for one in gains)
    draft = path.with_suffix(".draft")
    draft.write_text(f"[\n{text}\n]\n", encoding="utf-8")
    draft.replace(path)
    return gains


def pooled(gains: Sequence[Gain], name: str, other: str) -> dict[str, float] | None:
    """By how much one is ahead of another in AUC over all data sets.

    Studies of the same data are no independent evidence: their differences are averaged and so are
    their standard errors, as if they were one. Data sets count alike.

    Returns:
        ``difference``, its ``standard_error``, the two-sided ``p_value`` and the ``sets``; None
        where both were measured on none.
    """
    of_sets: dict[str, list[tuple[float, float, float]]] = {}
    for one in gains:
        if name in one.folds and other in one.folds:
            of_sets.setdefault(one.data_hash, []).append(one.ahead(name, other))
    if not of_sets:
        return None
    means = [np.mean(found, axis=0)[:2] for found in of_sets.values()]
    difference = float(np.mean([mean for mean, _ in means]))
    error = float(np.sqrt(sum(spread**2 for _, spread in means)) / len(means))
    p_value = float(2 * norm.sf(abs(difference) / error)) if error else float(difference == 0)
    return {
        "difference": difference,
        "standard_error": error,
        "p_value": p_value,
        "sets": float(len(means)),
    }


def document(gains: Sequence[Gain]) -> dict[str, Any]:
    """The figures, as JSON and for the table."""
    rows = []
    for one in gains:
        baseline = one.best_baseline
        names = [role for role in ROLES if role in one.folds] + [baseline]
        for name in names:
            figures = {metric: one.mean(name, metric) for metric in METRICS}
            rows.append(
                {
                    "dataset": one.dataset,
                    "protocol": one.protocol,
                    "trials": one.trials,
                    "name": name,
                    "epochs": one.epochs.get(name),
                    **{metric: mean for metric, (mean, _) in figures.items()},
                    **{f"{metric}_se": error for metric, (_, error) in figures.items()},
                    "search_ahead": None if name == SEARCH else one.ahead(SEARCH, name),
                    "random_compute": one.random_compute if name == RANDOM else None,
                }
            )
    pairs = [(PUBLISHED, SEARCH), (RANDOM, SEARCH), (PRIOR, SEARCH), (SEARCH, ENSEMBLE)]
    over_all = ((other, name, pooled(gains, name, other)) for other, name in pairs)
    return {
        "rows": rows,
        "pooled": [{"name": name, "over": other, **one} for other, name, one in over_all if one],
    }
