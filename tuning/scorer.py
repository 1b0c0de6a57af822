"""The registered model: looks up the score of named pairs. MLflow stores a copy of this file.

The copy runs where this project is not installed, so it may import nothing but numpy, pandas and
mlflow. A graph autoencoder scores the pairs of the network it was trained on and no others, so all
its scores are computed once and the model is the table of them.

Shape legend: M miRNAs, S small molecules, U unknown pairs of the whole network.
"""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

INPUT_COLUMNS = ("mirna", "small_molecule")


class PairScorer(PythonModel):
    """Scores named miRNA-small molecule pairs.

    Input: a DataFrame with the columns `mirna` and `small_molecule`, in either order.
    Output: one row for each row of the input, with its index and these columns:

    - `mirna`, `small_molecule`: the names
    - `probability`: the model's score, 0 to 1. It orders pairs; it is not calibrated
    - `rank`: place of the pair among the U unknown pairs of the whole network, 1 for the best;
      equal scores share the better place. A known association has none: the column holds whole
      numbers and None, which JSON can carry (`.astype("Int64")` makes it a nullable number)
    - `known`: whether the pair was a known association in the training data

    Raises (on predict):
        ValueError: a column is missing, or names are not of this network; no partial answer.
    """

    def load_context(self, context) -> None:
        with np.load(context.artifacts["scores"], allow_pickle=False) as arrays:
            self.probability_MS = arrays["probability"]
            self.known_MS = arrays["known"].astype(bool)
        names = json.loads(Path(context.artifacts["names"]).read_text(encoding="utf-8"))
        self.mirnas = pd.Index(names["mirnas"])
        self.small_molecules = pd.Index(names["small_molecules"])
        self._unknown_ascending_U = np.sort(self.probability_MS[~self.known_MS])

    # The hint also keeps MLflow from warning, at every load, that there is none.
    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        missing = [column for column in INPUT_COLUMNS if column not in model_input.columns]
        if missing:
            raise ValueError(
                f"the input has no column {' and no column '.join(map(repr, missing))}; "
                f"it needs {' and '.join(map(repr, INPUT_COLUMNS))}"
            )
        rows = self.mirnas.get_indexer(model_input["mirna"])
        columns = self.small_molecules.get_indexer(model_input["small_molecule"])
        self._refuse_unknown_names(
            [
                *(f"miRNA {name!r}" for name in model_input["mirna"][rows < 0].unique()),
                *(
                    f"small molecule {name!r}"
                    for name in model_input["small_molecule"][columns < 0].unique()
                ),
            ]
        )
        probability = self.probability_MS[rows, columns]
        known = self.known_MS[rows, columns]
        # One more than the number of unknown pairs that score strictly higher.
        not_higher = np.searchsorted(self._unknown_ascending_U, probability, side="right")
        rank = self._unknown_ascending_U.size - not_higher + 1
        return pd.DataFrame(
            {
                "mirna": model_input["mirna"],
                "small_molecule": model_input["small_molecule"],
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

    @staticmethod
    def _refuse_unknown_names(unknown: list[str]) -> None:
        if unknown:
            shown = ", ".join(unknown[:10])
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
            raise ValueError(f"not in the network this model was trained on: {shown}{more}")


mlflow.models.set_model(PairScorer())
