"""Rankings of unknown pairs by a registered model, as tables.

Shape legend: U unknown pairs of the whole network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from model.data.kinds import DEFAULT_KINDS, Kinds, of_record
from model.data.names import mend_of_name, unknown_name
from model.errors import InputError
from tuning.registry.versions import load, resolve

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.pyfunc import PyFuncModel


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pairs by a registered model, best first.

    Args:
        version: the version that was asked; its tags say the study and the protocol.
        kinds: of its network. Their keys head the two columns of names.
        side: of the thing whose pairs these are, 0 for a row and 1 for a column; None for all.
        pairs: of `rank_partners` or `best_unknown_pairs`, see there for the columns.
    """

    version: ModelVersion
    kinds: Kinds
    side: int | None
    pairs: pd.DataFrame


def rank_partners(
    model: str, name: str, *, side: str | None = None, top: int = 20, where: str = "--for"
) -> Ranking:
    """Rank the things of the other kind for a named one: the drugs for a gene, say.

    Args:
        model: `name` (its champion), `name@alias` or `name/3`.
        name: of a thing of either side; its unknown pairs are ranked.
        side: its kind, for a name that is on both sides.
        top: how many unknown pairs; all are kept where there are fewer.
        where: what the user gave the name with, for an error.

    Returns:
        Columns as of `rank_pairs`.

    Raises:
        InputError: the name is not of the model's network, or of both of its sides, or there is no
            such model or kind.
    """
    scorer = _Scorer.of(model)
    place = scorer.side_of(name, side, where)
    names = [scorer.names[0], scorer.names[1]]
    names[place] = [name]
    return Ranking(scorer.version, scorer.kinds, place, rank_pairs(scorer.score(names), top))


def best_unknown_pairs(model: str, top: int = 20) -> Ranking:
    """The unknown pairs of the whole network that a model ranks first.

    Args:
        model: `name` (its champion), `name@alias` or `name/3`.
        top: how many of the U.

    Returns:
        A column of names for each kind, headed by its key (`gene`, `drug`), `probability` (0 to 1)
        and `rank` (from 1; equal scores share one).

    Raises:
        InputError: there is no such model.
    """
    scorer = _Scorer.of(model)
    scored = scorer.score(scorer.names)
    unknown = scored[~scored["known"].astype(bool)]
    best = unknown.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    columns = [*(kind.key for kind in scorer.kinds), "probability", "rank"]
    pairs = best[columns].head(top).astype({"rank": int})
    return Ranking(scorer.version, scorer.kinds, None, pairs)


def rank_network(model: str, top: int = 20) -> Ranking:
    """The best unknown pairs of the whole network, and the known ones that score no worse.

    Args:
        model: `name` (its champion), `name@alias` or `name/3`.
        top: how many of the U unknown pairs.

    Returns:
        Columns as of `rank_pairs`; ``rank`` is without gaps, ``network_rank`` shared by equals.

    Raises:
        InputError: there is no such model.
    """
    scorer = _Scorer.of(model)
    return Ranking(scorer.version, scorer.kinds, None, rank_pairs(scorer.score(scorer.names), top))


def rank_pairs(pairs: pd.DataFrame, top: int) -> pd.DataFrame:
    """The best `top` unknown pairs and the known ones that score no worse, best first.

    Args:
        pairs: what the scorer returns for all pairs of one thing, or of the network.
        top: number of unknown pairs; all are kept where there are fewer.

    Returns:
        The two columns of names, `probability` (0 to 1), `rank` (1, 2, ... among the unknown pairs
        given, None for known ones), `known`, `network_rank` (the scorer's `rank`). Equal scores
        keep the order of the data set.
    """
    ranking = pairs.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    ranking = ranking.rename(columns={"rank": "network_rank"})
    unknown_so_far = (~ranking["known"]).cumsum()
    # Whole numbers and None, which JSON can carry, as in the scorer's own ranks.
    ranking["rank"] = unknown_so_far.astype(object).mask(ranking["known"], None)
    # Ends with the last unknown pair asked for: known ones below it are of no use in a ranking.
    shown = ranking[(unknown_so_far - ~ranking["known"]) < top]
    return shown[[*pairs.columns[:2], "probability", "rank", "known", "network_rank"]]


@dataclass(frozen=True, eq=False)
class _Scorer:
    """A registered model, and what its network is made of."""

    version: ModelVersion
    model: PyFuncModel
    kinds: Kinds
    names: tuple[list[str], list[str]]

    @classmethod
    def of(cls, reference: str) -> _Scorer:
        version = resolve(reference)
        model = load(version)
        return cls(version, model, *network_of(model, version))

    def side_of(self, name: str, side: str | None, where: str) -> int:
        """0 for a row, 1 for a column."""
        sides = [place for place in (0, 1) if name in self.names[place]]
        if side is not None:
            called = [place for place in (0, 1) if self.kinds[place].is_called(side)]
            first, second = (kind.plural for kind in self.kinds)
            if not called:
                raise InputError(
                    f"{self.version.name} ranks {first} and {second}: {side!r} is neither",
                    where=where if where != "--for" else "--side",
                    hint=f"give the name with --for{'' if len(sides) == 2 else ' alone'}",
                )
            (place,) = called
            if place not in sides:
                raise InputError(
                    f"{name!r} is no {self.kinds[place].name} of the network this model was"
                    " trained on",
                    where=where,
                    hint=mend_of_name(name, self.kinds, self.names, place)
                    + (": ask with --for alone" if sides else ""),
                )
            return place
        if len(sides) == 2:
            one, other = (kind.name for kind in self.kinds)
            raise InputError(
                f"{name!r} names {self.kinds[0].one} and {self.kinds[1].one}",
                where=where,
                hint=f"say which: --side '{one}' or --side '{other}'",
            )
        if not sides:
            raise unknown_name(name, self.kinds, self.names, where)
        return sides[0]

    def score(self, names: Sequence[list[str]]) -> pd.DataFrame:
        """All pairs of these rows and columns."""
        keys = [kind.key for kind in self.kinds]
        pairs = pd.MultiIndex.from_product(names, names=keys).to_frame(index=False)
        scored = self.model.predict(pairs)
        assert isinstance(scored, pd.DataFrame)
        return scored


def network_of(
    model: PyFuncModel, version: ModelVersion
) -> tuple[Kinds, tuple[list[str], list[str]]]:
    """The kinds and names of a registered model's network, rows first.

    Raises:
        InputError: it is another kind of model.
    """
    scorer = model.unwrap_python_model()
    if hasattr(scorer, "kinds"):
        kinds = of_record([{key: one[key] for key in ("name", "plural")} for one in scorer.kinds])
        return kinds, (list(scorer.rows), list(scorer.columns))
    if hasattr(scorer, "small_molecules"):  # its own copy of an earlier scorer
        return DEFAULT_KINDS, (list(scorer.mirnas), list(scorer.small_molecules))
    raise InputError(
        f"{version.name} version {version.version} does not score named pairs",
        where="model",
        hint="`mmatune model list` shows what is registered",
    )
