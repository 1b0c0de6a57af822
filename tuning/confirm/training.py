"""What is chosen, trained for the registry: one configuration, or an ensemble of several."""

from __future__ import annotations

from collections.abc import Sequence

from model.data.datasets import AssociationDataset
from model.evaluation.fresh_splits import DevelopmentPart
from model.evaluation.protocols import Protocol, development_folds, development_pairs
from model.training.final import FinalModel
from model.training.final_ensemble import (
    FinalBaseline,
    FinalEnsemble,
    calibrated,
    final_ensemble,
)
from tuning.cluster.session import Resources
from tuning.record.ensembles import Ensemble, out_of_fold
from tuning.record.finished_study import Candidate, FinishedStudy
from tuning.search.worker import (
    score_baselines,
    score_every_pair,
    train_on_everything,
    train_to_register,
)

Trained = FinalModel | FinalEnsemble


def train_chosen(
    study: FinishedStudy,
    part: DevelopmentPart,
    chosen: Candidate | Ensemble,
    members: Sequence[Candidate],
    baselines: Sequence[str],
    resources: Resources,
) -> Trained:
    """Train on all development associations.

    Args:
        members: trials of the study's ensemble.
        baselines: that are members of it.
    """
    pairs = development_pairs(study.dataset, study.protocol, study.seed)
    folds = development_folds(study.dataset, study.protocol, study.seed)

    def train(one: Candidate) -> FinalModel:
        return train_to_register(one.configuration, part, folds, pairs, study.seed, resources)

    if isinstance(chosen, Candidate):
        return train(chosen)
    kept = [(one.name, one.run_id, one.configuration.training.epochs) for one in members]
    library = out_of_fold(study.record.client, kept)
    library |= score_baselines(baselines, study.dataset, folds)
    trained: dict[str, FinalModel | FinalBaseline] = {one.name: train(one) for one in members}
    for name in baselines:
        scores = score_every_pair(name, part.dataset, study.protocol, resources)
        trained[name] = FinalBaseline(scores)
    return final_ensemble(
        trained,
        chosen.members,
        part.dataset.associations == 0,
        calibrated(library, chosen.members, folds),
    )


def train_on_all(
    trained: Trained, dataset: AssociationDataset, protocol: Protocol, resources: Resources
) -> Trained:
    """The same, trained on every association: the model for use."""
    if isinstance(trained, FinalModel):
        return train_on_everything(trained, dataset, resources)
    members: dict[str, FinalModel | FinalBaseline] = {}
    for name, one in trained.members.items():
        if isinstance(one, FinalBaseline):
            members[name] = FinalBaseline(score_every_pair(name, dataset, protocol, resources))
        else:
            members[name] = train_on_everything(one, dataset, resources)
    unknown = dataset.associations == 0
    return final_ensemble(members, trained.weights, unknown, trained.calibration)
