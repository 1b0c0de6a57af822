"""The registered model: looks up the score of named pairs. MLflow stores a copy of this file.

The copy runs where this project is not installed, so it may import nothing but numpy, pandas and
mlflow. A graph autoencoder scores the pairs of the network it was trained on and no others, so all
its scores are computed once and the model is the table of them.

Shape legend: M rows, S columns, U unknown pairs of the whole network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel

TOP = 20  # pairs of a ranking where the parameter `top` does not say


class PairScorer(PythonModel):
    """Scores named pairs of things of two kinds.

    Input: a DataFrame with a column for each kind, such as `gene` and `drug`, in either order; or
    with one of them alone: then each named thing's best unknown pairs are given, as many as the
    parameter `top` says, best first.
    Output: one row for each row of the input, with its index (or for each pair of a ranking, with
    an index of its own), and these columns:

    - one for each kind: the names
    - `probability`: calibrated on held-out associations, see the model's description for what it
      is the probability of; it orders pairs as `rank` does
    - `rank`: place of the pair among the U unknown pairs of the whole network, 1 for the best;
      equal scores share the better place. A known association has none: the column holds whole
      numbers and None, which JSON can carry (`.astype("Int64")` makes it a nullable number)
    - `known`: whether the pair was a known association in the training data

    Raises (on predict):
        MlflowException: both columns or a single name are missing, `top` is less than 1, or names
            are not of this network: a scoring server answers 400. There is no partial answer.
    """

    def load_context(self, context: Any) -> None:
        with np.load(context.artifacts["scores"], allow_pickle=False) as arrays:
            self.probability_MS = arrays["probability"]
            self.known_MS = arrays["known"].astype(bool)
        names = json.loads(Path(context.artifacts["names"]).read_text(encoding="utf-8"))
        self.kinds = names["kinds"]  # of each its name, plural and key, which heads its column
        self.rows, self.columns = pd.Index(names["rows"]), pd.Index(names["columns"])
        self._unknown_ascending_U = np.sort(self.probability_MS[~self.known_MS])

    # The hint also keeps MLflow from warning, at every load, that there is none.
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        keys = [kind["key"] for kind in self.kinds]
        missing = [key for key in keys if key not in model_input.columns]
        for column in set(keys).difference(missing):
            if not all(map(_is_name_or_missing, model_input[column])):
                raise MlflowException.invalid_parameter_value(
                    f"a {column} is no text: names are given in quotes"
                )
        if len(missing) == 1:
            top = (params or {}).get("top", TOP)
            if not isinstance(top, int | float) or top != top or top < 1:
                raise MlflowException.invalid_parameter_value(f"top is {top}; it must be 1 or more")
            top = int(min(top, 2**31))
            return self._ranking(context, model_input, missing[0], top)
        if missing:
            raise MlflowException.invalid_parameter_value(
                f"the input has no column {' and no column '.join(map(repr, missing))}; "
                f"it needs {' or '.join(map(repr, keys))}"
            )
        for column in keys:
            if model_input[column].isna().any():
                raise MlflowException.invalid_parameter_value(
                    f"a row has no {column}: give both names in every row, or leave one column out"
                    " and get the best pairs of each name in the other"
                )
        rows = self.rows.get_indexer(model_input[keys[0]])
        columns = self.columns.get_indexer(model_input[keys[1]])
        self._refuse_unknown_names(
            [
                f"{kind['name']} {name!r}"
                for kind, index in zip(self.kinds, (rows, columns), strict=True)
                for name in model_input[kind["key"]][index < 0].unique()
            ]
        )
        probability = self.probability_MS[rows, columns]
        known = self.known_MS[rows, columns]
        # One more than the number of unknown pairs that score strictly higher.
        not_higher = np.searchsorted(self._unknown_ascending_U, probability, side="right")
        rank = self._unknown_ascending_U.size - not_higher + 1
        return pd.DataFrame(
            {
                **{key: model_input[key] for key in keys},
                "probability": probability,
                "rank": pd.Series(
                    [None if k else int(r) for k, r in zip(known, rank, strict=True)],
                    index=model_input.index,
                    dtype=object,
                ),
                "known": known,
            },
            index=model_input.index,
        )

    def _ranking(self, context: Any, asked: pd.DataFrame, missing: str, top: int) -> pd.DataFrame:
        """The best unknown pairs of each thing that `asked` names, in the order it names them."""
        first, second = (kind["key"] for kind in self.kinds)
        named, partners = (second, self.rows) if missing == first else (first, self.columns)
        pairs = (
            asked[[named]].drop_duplicates().merge(pd.DataFrame({missing: partners}), how="cross")
        )
        scored = self.predict(context, pairs)
        kept = scored[~scored["known"]]
        order = kept[named].drop_duplicates().tolist()
        best = [
            kept[kept[named] == name].sort_values("probability", ascending=False, kind="stable")
            for name in order
        ]
        return pd.concat([kept.iloc[:0], *(one.head(top) for one in best)], ignore_index=True)

    @staticmethod
    def _refuse_unknown_names(unknown: list[str]) -> None:
        if unknown:
            shown = ", ".join(unknown[:10])
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
            raise MlflowException.invalid_parameter_value(
                f"not in the network this model was trained on: {shown}{more}"
            )


def _is_name_or_missing(cell: Any) -> bool:
    is_nan = isinstance(cell, float) and cell != cell
    return isinstance(cell, str) or cell is None or cell is pd.NA or is_nan


mlflow.models.set_model(PairScorer())
