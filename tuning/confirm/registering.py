"""The two versions of a confirmation: the one that was measured, and the one trained on everything.

Either is registered only if it is not there: a second confirmation finds those of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from model.training.checkpoint import CHECKPOINT, checkpoint
from model.training.final import FinalModel
from model.training.final_ensemble import FinalEnsemble
from tuning.confirm.training import Trained
from tuning.record.ensembles import Ensemble, counted
from tuning.record.finished_study import Candidate, FinishedStudy
from tuning.registry.model_card import ModelCard, version_tags
from tuning.registry.versions import find_refit, find_version, register


def register_measured(study: FinishedStudy, chosen: Candidate | Ensemble, trained: Trained) -> int:
    """The version of the chosen configuration: the one that `tune` registered, or a new one."""
    card = _card(study, chosen, trained)
    found = find_version(card.model, version_tags(card, study.dataset))
    if found is not None:
        return found
    number = _register(study, card, trained)
    client, run_id = study.record.client, study.record.run_id
    client.set_tag(run_id, "confirmed_version", str(number))
    return number


def register_everything(
    study: FinishedStudy,
    chosen: Candidate | Ensemble,
    measured: int,
    train: Callable[[], Trained],
) -> int:
    """The version that is trained on all associations; ``train`` trains it if it is not there.

    Args:
        measured: version of the same configuration that was measured.
    """
    found = find_refit(study.dataset.name, measured)
    if found is not None:
        return found
    trained = train()
    card = replace(
        _card(study, chosen, trained),
        measured=measured,
        training=f"Trained on all associations, the sealed ones included, {_length(chosen)}.",
    )
    return _register(study, card, trained)


def _card(study: FinishedStudy, chosen: Candidate | Ensemble, trained: Trained) -> ModelCard:
    return ModelCard(
        model=study.dataset.name,
        study=study.name,
        protocol=study.protocol,
        metric=study.metric,
        development_score=chosen.development_score,
        development_sd=chosen.development_sd,
        training=f"Trained on all development associations {_length(chosen)}; the sealed part was"
        " not trained on.",
        configuration=_configuration(trained),
        calibration=trained.calibration,
    )


def _length(chosen: Candidate | Ensemble) -> str:
    if isinstance(chosen, Ensemble):
        return (
            f"as a weighted mean of {len(chosen.members)} members"
            f" ({counted(chosen.members)}), each trial for the epochs chosen from its own curve and"
            " with several seeds"
        )
    epochs = chosen.configuration.training.epochs
    return f"for {epochs} epochs, chosen from the trial's curve"


def _configuration(trained: Trained) -> dict[str, Any]:
    """Of an ensemble the members; the configuration of each is in its own checkpoint and run."""
    if isinstance(trained, FinalEnsemble):
        return {"ensemble": counted(trained.weights)}
    return trained.config.dotted()


def _checkpoints(study: FinishedStudy, trained: Trained) -> dict[str, bytes]:
    if isinstance(trained, FinalModel):
        return {CHECKPOINT: checkpoint(trained, study.dataset)}
    return {
        f"{name.partition(' ')[0]}.safetensors": checkpoint(member, study.dataset)
        for name, member in trained.members.items()
        if isinstance(member, FinalModel)  # a baseline has no weights to keep
    }


def _register(study: FinishedStudy, card: ModelCard, trained: Trained) -> int:
    registered = register(
        study.record.run_id,
        study.dataset,
        trained.probability,
        card,
        checkpoints=_checkpoints(study, trained),
        first_is_champion=False,
    )
    return registered.version
