"""What is said about a registered model: tags for machines, a description for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.data.datasets import AssociationDataset
from model.data.kinds import Kinds, as_record
from model.data.similarity.absence import meaning_of_absence
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.protocols import Protocol
from tuning.metric import AUC, metric_label
from tuning.registry.conclusion import CONCLUSION


@dataclass(frozen=True)
class ModelCard:
    """Where a model comes from and how it was measured.

    Args:
        model: name to register under; a further model of that name becomes its next version.
        study: the study that found the configuration.
        protocol: how the development score was measured.
        development_score: mean of the study's metric over the development folds. The study chose
            the configuration by it, so it is optimistic; it is not a confirmed score.
        development_sd: its standard deviation over folds and seeds; None for a single fold.
        training: one sentence on how the registered scores came about.
        configuration: the configuration, JSON-compatible.
        calibration: how its probabilities came about.
        metric: that the study maximised.
        measured: of a model that was trained on every association, the version that was measured
            in its place: the scores are that one's. None of a model with scores of its own.
        start_points: what the study evaluated first, and how that had been chosen.

    Raises:
        InputError: a name MLflow could not address, or a score that no metric has.
    """

    model: str
    study: str
    protocol: Protocol
    development_score: float
    development_sd: float | None
    training: str
    configuration: Mapping[str, Any]
    calibration: Calibration
    metric: str = AUC
    measured: int | None = None
    start_points: str = ""

    def __post_init__(self) -> None:
        if not self.model.strip() or any(character in self.model for character in "/:@"):
            raise InputError(
                f"{self.model!r} cannot be the name of a model",
                hint="use a name without '/', ':' and '@', which refer to versions and aliases",
            )
        label = metric_label(self.metric)
        score, is_auc = self.development_score, self.metric == AUC
        if not (0 <= score <= 1 if is_auc else math.isfinite(score)):  # also refuses NaN
            raise InputError(
                f"development {label} is {score}; it must be"
                f" {'between 0 and 1' if is_auc else 'a finite number'}",
                where=self.model,
            )
        if self.development_sd is not None and not 0 <= self.development_sd < math.inf:
            raise InputError(
                f"standard deviation of the {label} is {self.development_sd}; it must be 0 or more",
                where=self.model,
            )


MEASURED = "measured_version"


def trained_on(tags: Mapping[str, str]) -> str:
    """A sentence on a version that has no score of its own, from its tags; empty of any other."""
    if MEASURED not in tags:
        return ""
    return (
        f"Trained on all associations; the scores are of version {tags[MEASURED]}, which was"
        " trained without the sealed ones."
    )


def version_tags(card: ModelCard, dataset: AssociationDataset) -> dict[str, str]:
    """Tags of the model version; the champion is chosen by them, so numbers are kept exactly.

    A model that was trained on everything has no score of its own: `MEASURED` names the version
    that has.
    """
    spread, development = card.development_sd, f"development_{card.metric}"
    scores = {development: repr(float(card.development_score))}
    if spread is not None:
        scores[f"{development}_sd"] = repr(float(spread))
    return {
        "study": card.study,
        "dataset": dataset.name,
        "data_hash": dataset.content_hash,
        "kinds": json.dumps(as_record(dataset.kinds), ensure_ascii=False),
        "protocol": card.protocol.name,
        "metric": card.metric,
        **(scores if card.measured is None else {MEASURED: str(card.measured)}),
        "configuration": json.dumps(dict(card.configuration), sort_keys=True),
    }


def _probabilities(calibration: Calibration) -> str:
    text = (
        "Were as many associations hidden among the unknown pairs as one development fold held out"
        f" ({calibration.base_rate:.2%} of them), a probability says what share of the pairs like"
        " this one would be hidden associations. It is not the share that is truly associated, and"
        " means nothing for a known association, which was trained on."
    )
    measured = calibration.reliability
    if measured is None:
        return f"{text} A single fold leaves nothing to check that on."
    return (
        f"{text} On folds that the map was not fitted to: Brier score {measured.brier:.4f}, against"
        f" {measured.brier_constant:.4f} for the same number everywhere; mean gap between"
        f" predicted and observed {measured.expected_error:.4f}."
    )


def _started(card: ModelCard) -> str:
    return f", whose start points were: {card.start_points}" if card.start_points else ""


_UNCONFIRMED = "It has not been confirmed on data the search did not see."
_INCOMPARABLE = "It is not comparable with a score of another protocol or data set."
# What a description says of confirmations, from none to the latest.
_STANDING = re.compile(
    f"(?:{re.escape(_UNCONFIRMED)}|Confirmed: |On fresh splits: ).*?(?= {_INCOMPARABLE})", re.S
)
# What an earlier confirmation put first.
_VERDICT = re.compile(r"\A\*\*Verdict\.\*\* .*?\n\n", re.S)


def confirmed_description(text: str, tags: Mapping[str, str], metric: str, kinds: Kinds) -> str:
    """A version's description with what the latest confirmation found, and nothing of older ones.

    Args:
        tags: see `versions.confirm_version`.
        metric: that the study maximised.
        kinds: of its data.
    """
    label = metric_label(metric, kinds)
    fresh, confirmed = f"fresh_{metric}", f"confirmed_{metric}"
    said = (
        f"On fresh splits: {label} {float(tags[fresh]):.4f} (standard error"
        f" {float(tags[f'{fresh}_se']):.4f}), of the development associations."
    )
    if confirmed in tags:
        low, high = float(tags[f"{confirmed}_low"]), float(tags[f"{confirmed}_high"])
        said += (
            f" On the sealed part, which the search did not see: {label}"
            f" {float(tags[confirmed]):.4f} (95 % interval {low:.4f} to {high:.4f})."
        )
    if "confirmed_difference" in tags:
        value, low, high = (
            float(tags[f"confirmed_difference{end}"]) for end in ("", "_low", "_high")
        )
        said += (
            f" There it is {value:+.4f} (95 % interval of the difference {low:+.4f} to {high:+.4f})"
            f" from the best baseline, {tags['confirmed_against']}; plus is better."
        )
    if "sealed_warning" in tags:
        said += f" The sealed part was {tags['sealed_warning']}."
    first = f"**Verdict.** {tags[CONCLUSION]}\n\n" if CONCLUSION in tags else ""
    return first + _STANDING.sub(lambda match: said, _VERDICT.sub("", text))


def description(card: ModelCard, dataset: AssociationDataset) -> str:
    """The model card as markdown, for the model's page in the MLflow UI."""
    n_rows, n_columns = dataset.associations.shape
    rows, columns = (kind.plural for kind in dataset.kinds)
    meaning = card.protocol.in_words_of(dataset.kinds).meaning
    spread = card.development_sd
    measured = f"{metric_label(card.metric, dataset.kinds)} {card.development_score:.4f} " + (
        "(one development fold)"
        if spread is None
        else f"± {spread:.4f} (mean and standard deviation on the development folds)"
    )
    return f"""\
**What it is.** A masked graph autoencoder's score for every pair of {n_rows} {rows} and \
{n_columns} {columns}. {card.training}{_seeds(card)}

**Trained on.** Data set `{dataset.name}` with {len(dataset.association_pairs)} known associations \
(hash `{dataset.content_hash[:12]}`); configuration found by the study \
`{card.study}`{_started(card)}.{_unknown(dataset)}

**Measured.** {_whose(card)}{measured} under the protocol `{card.protocol.name}`. \
{meaning} This is a development score: the study chose the configuration by it, so \
it is optimistic. {_UNCONFIRMED} {_INCOMPARABLE}

**Probabilities.** {_calibrated(card)}{_probabilities(card.calibration)}

**Use it to** rank unknown pairs for follow-up experiments. An unknown pair with a low probability \
is not shown to be unassociated. \
**Not for** medical decisions, nor for {rows} or {columns} outside the data set.

**Licence.** The program that made it is under the MIT licence. The scores come from the data set \
and hold its names and associations: pass them on as the terms of the data set allow.
"""


def _unknown(dataset: AssociationDataset) -> str:
    """What it means for the scores that a side has no similarity."""
    said = [meaning for side in (0, 1) if (meaning := meaning_of_absence(dataset, side))]
    return "".join(f" {one[0].upper()}{one[1:]}." for one in said)


def _seeds(card: ModelCard) -> str:
    count = int(card.configuration.get("training.seeds", 1))
    if count == 1:
        return ""
    return (
        f" Each score is the mean of {count} models that differ in their seed alone. Scores on"
        " development folds and fresh splits are of single models, those on the sealed part of the"
        " mean."
    )


def _whose(card: ModelCard) -> str:
    if card.measured is None:
        return ""
    return (
        "Not itself: it was trained on every association, so no pair is left to measure it on."
        f" All figures here are of version {card.measured}, the same configuration trained without"
        f" the sealed {100 * card.protocol.sealed_fraction:.0f} %. Whether the additional"
        f" associations make it better was not measured. Version {card.measured}: "
    )


def _calibrated(card: ModelCard) -> str:
    if card.measured is None:
        return ""
    return f"Made by the calibration of version {card.measured}. "


def model_description(name: str, kinds: Kinds) -> str:
    """What is said of a model, whichever version, on its page in the MLflow UI."""
    return f"""\
A score for every pair of {kinds[0].one} and {kinds[1].one} of the data set {name}. The alias \
`champion` is the version to use; each version has a card of its own.

    mmatune pull {name}@champion --to my-model
    mmatune serve {name} --port 5001
"""


def card_file(name: str, number: int, text: str, tags: Mapping[str, str]) -> str:
    """The model card as a file of its own, to go with a model that leaves the registry.

    Args:
        text: the version's description.
        tags: of the version, see `version_tags`; the configuration is left to the checkpoint.
    """
    rows = [f"- {key}: {value}" for key, value in sorted(tags.items()) if key != "configuration"]
    return "\n".join([f"# {name}, version {number}", "", text, *rows, ""])
