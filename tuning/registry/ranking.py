"""Rankings of unknown pairs by a registered model, as tables.

Shape legend: U unknown pairs of the whole network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from model.data.kinds import DEFAULT_KINDS
from model.data.names import mend_of_name
from model.errors import InputError
from tuning.registry.versions import load, resolve

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pairs by a registered model, best first.

    Args:
        version: the version that was asked; its tags say the study and the protocol.
        pairs: of `rank_partners` or `best_unknown_pairs`, see there for the columns.
    """

    version: ModelVersion
    pairs: pd.DataFrame


def rank_partners(
    model: str, *, small_molecule: str | None = None, mirna: str | None = None, top: int = 20
) -> Ranking:
    """Rank the miRNAs for one small molecule, or the small molecules for one miRNA.

    Args:
        model: `name` (its champion), `name@alias` or `name/3`.
        small_molecule: rank its pairs; or
        mirna: rank its pairs.
        top: how many unknown pairs; all are kept where there are fewer.

    Returns:
        Columns as of `rank_pairs`.

    Raises:
        InputError: both or neither are named, a name is not of the model's network, or there is no
            such model.
    """
    if (small_molecule is None) == (mirna is None):
        raise InputError(
            "give either --small-molecule or --mirna",
            where="predict",
            hint="one of them names what to rank the unknown pairs of",
        )
    version, scored = _scored(model, {"small_molecule": small_molecule, "mirna": mirna})
    return Ranking(version, rank_pairs(scored, top))


def best_unknown_pairs(model: str, top: int = 20) -> Ranking:
    """The unknown pairs of the whole network that a model ranks first.

    Args:
        model: `name` (its champion), `name@alias` or `name/3`.
        top: how many of the U.

    Returns:
        `mirna`, `small_molecule`, `probability` (0 to 1), `rank` (from 1; equal scores share one).

    Raises:
        InputError: there is no such model.
    """
    version, scored = _scored(model, {})
    unknown = scored[~scored["known"].astype(bool)]
    best = unknown.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    columns = ["mirna", "small_molecule", "probability", "rank"]
    return Ranking(version, best[columns].head(top).astype({"rank": int}))


def rank_pairs(pairs: pd.DataFrame, top: int) -> pd.DataFrame:
    """The best `top` unknown pairs and the known ones that score no worse, best first.

    Args:
        pairs: what the scorer returns for all pairs of one small molecule or miRNA.
        top: number of unknown pairs; all are kept where there are fewer.

    Returns:
        `mirna`, `small_molecule`, `probability` (0 to 1), `rank` (1, 2, ... among the unknown
        pairs given, None for known ones), `known`, `network_rank` (the scorer's `rank`).
        Equal scores keep the order of the data set.
    """
    ranking = pairs.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    ranking = ranking.rename(columns={"rank": "network_rank"})
    unknown_so_far = (~ranking["known"]).cumsum()
    # Whole numbers and None, which JSON can carry, as in the scorer's own ranks.
    ranking["rank"] = unknown_so_far.astype(object).mask(ranking["known"], None)
    # Ends with the last unknown pair asked for: known ones below it are of no use in a ranking.
    shown = ranking[(unknown_so_far - ~ranking["known"]) < top]
    return shown[["mirna", "small_molecule", "probability", "rank", "known", "network_rank"]]


def _scored(reference: str, asked: dict[str, str | None]) -> tuple[ModelVersion, pd.DataFrame]:
    """The model version, and its answer for every pair of the things asked for."""
    found = resolve(reference)
    model = load(found)
    scorer = model.unwrap_python_model()
    if not hasattr(scorer, "small_molecules"):
        raise InputError(
            f"{found.name} version {found.version} does not score small molecules and miRNAs",
            where="model",
            hint="`mmatune model list` shows what is registered",
        )
    names = {"mirna": list(scorer.mirnas), "small_molecule": list(scorer.small_molecules)}
    for kind, name in asked.items():
        if name is not None:
            _check_name(name, names, kind)
            names[kind] = [name]
    pairs = pd.MultiIndex.from_product(names.values(), names=names.keys()).to_frame(index=False)
    scored = model.predict(pairs)
    assert isinstance(scored, pd.DataFrame)
    return found, scored


def _check_name(name: str, names: dict[str, list[str]], kind: str) -> None:
    if name in names[kind]:
        return
    other = "small_molecule" if kind == "mirna" else "mirna"
    kinds = {"mirna": "miRNA", "small_molecule": "small molecule"}
    both = (names["mirna"], names["small_molecule"])
    hint = mend_of_name(name, DEFAULT_KINDS, both, int(kind != "mirna"))
    if name in names[other]:
        hint += f": ask with --{other.replace('_', '-')}"
    raise InputError(
        f"{name!r} is no {kinds[kind]} of the network this model was trained on",
        where="--" + kind.replace("_", "-"),
        hint=hint,
    )
