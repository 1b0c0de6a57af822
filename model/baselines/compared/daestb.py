"""DAESTB: boosted trees on the codes that a deep autoencoder makes of pairs.

Peng, Tu, Huang, Li, Fu & Chen, Brief. Bioinform. 23(6), bbac478 (2022).

Shape legend: M rows, S columns, P = M * S pairs in the order of the rows, D = S + M features,
C = 128 numbers of a code, Q pairs of a choice, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from torch import nn

from model.baselines.compared.by_content import kept_by_content
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# As published.
_CODE = 128
_HIDDEN_LARGE, _HIDDEN_SMALL = (512, 256), (250, 200)  # of dataset1, D = 1372; of dataset2, D = 325
_LARGE = 512  # features from which the first is taken; chosen here, for other data
_EPOCHS, _BATCH, _STEP = 20, 128, 1e-3  # passes over all pairs, pairs, Adam's step
_TREES, _SHRINKAGE = 100, 0.3
_SEED = 0
_PAIRS_AT_ONCE = 8192


def daestb(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): log-odds of the trees, fitted to all pairs; what is unknown counts as negative.

    A pair's features are the similarities of its column and of its row, without the associations,
    see `pair_codes`. Held-out associations are unknown in training, so they count as negative
    there. In the authors' own cross-validation a fold's pairs, known or not, are left out of
    training: see `own_fold_scores`.
    """
    a_MS = training_matrix(dataset, fold.train_pairs)
    codes_PC = pair_codes(dataset.row_similarity, dataset.column_similarity)
    with threadpool_limits(limits=1):
        scores_P = fitted(codes_PC, a_MS.ravel()).decision_function(codes_PC)
    scores_MS: np.ndarray = scores_P.reshape(a_MS.shape)
    return scores_MS


def fitted(codes_QC: np.ndarray, labels_Q: np.ndarray) -> HistGradientBoostingClassifier:
    """Boosted trees: 100 of depth 6, shrinkage 0.3, L2 penalty 1, logistic loss, no weights.

    The authors use XGBoost 1.2 with these values and its defaults. Here it is scikit-learn's
    boosting, which needs no further package. It differs in three ways: splits are between 255
    bins, not all values; leaves have at least one pair, not a second derivative of at least 1; it
    begins with the share of associations, not with one half. docs/results.md has both beside each
    other.
    """
    return HistGradientBoostingClassifier(
        max_iter=_TREES,
        learning_rate=_SHRINKAGE,
        max_depth=6,
        max_leaf_nodes=None,
        min_samples_leaf=1,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=_SEED,
    ).fit(codes_QC, labels_Q)


def own_fold_scores(dataset: AssociationDataset, seed: int, folds: int = 5) -> list[np.ndarray]:
    """Log-odds and labels, (2, Q), of each fold of the authors' own cross-validation.

    Pair number p, in the order of the rows, is in fold p mod k, whether it is known or not; a fold
    is scored by trees that were fitted to the pairs of the others. Table 2 of the paper was
    measured so. The folds are always the same, the seed is the autoencoder's.
    """
    labels_P = dataset.associations.ravel().astype(float)
    codes_PC = pair_codes(dataset.row_similarity, dataset.column_similarity, seed)
    fold_P = np.arange(len(labels_P)) % folds
    found = []
    with threadpool_limits(limits=1):
        for k in range(folds):
            apart = fold_P == k
            model = fitted(codes_PC[~apart], labels_P[~apart])
            found.append(np.stack((model.decision_function(codes_PC[apart]), labels_P[apart])))
    return found


@kept_by_content
def pair_codes(
    row_similarity_MM: np.ndarray, column_similarity_SS: np.ndarray, seed: int = _SEED
) -> np.ndarray:
    """(P, C) float32: the code of every pair, from an autoencoder of the similarities alone.

    D - h1 - h2 - 128 - h2 - h1 - D with rectifiers, a linear code and a tanh at the end; mean
    squared error, Adam, 20 passes over all pairs in shuffled batches of 128. As published, but for
    the hidden widths (h1, h2) of other data: those of dataset1 from 512 features on, else those of
    dataset2. Weights begin as Keras begins them, Glorot's uniform and 0.
    """
    pairs = _Pairs(row_similarity_MM, column_similarity_SS)
    generator = torch.Generator().manual_seed(seed)
    encoder, decoder = _networks(pairs.n_features, generator)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=_STEP, eps=1e-7)  # eps is Keras's
    for _ in range(_EPOCHS):
        for batch in torch.randperm(pairs.count, generator=generator).split(_BATCH):
            x = pairs.features(batch)
            optimiser.zero_grad()
            nn.functional.mse_loss(decoder(encoder(x)), x).backward()
            optimiser.step()
    with torch.no_grad():
        chunks = torch.arange(pairs.count).split(_PAIRS_AT_ONCE)
        codes_PC: np.ndarray = torch.cat([encoder(pairs.features(one)) for one in chunks]).numpy()
    return codes_PC


class _Pairs:
    """Features of pairs by their number; all at once would be P * D numbers."""

    def __init__(self, row_similarity: np.ndarray, column_similarity: np.ndarray) -> None:
        self._rows = torch.tensor(row_similarity, dtype=torch.float32)
        self._columns = torch.tensor(column_similarity, dtype=torch.float32)
        self.count = len(self._rows) * len(self._columns)
        self.n_features = len(self._rows) + len(self._columns)

    def features(self, numbers: torch.Tensor) -> torch.Tensor:
        """(len(numbers), D): similarities of the column, then of the row."""
        rows = torch.div(numbers, len(self._columns), rounding_mode="floor")
        columns = numbers % len(self._columns)
        return torch.cat((self._columns[columns], self._rows[rows]), dim=1)


def _networks(n_features: int, generator: torch.Generator) -> tuple[nn.Sequential, nn.Sequential]:
    hidden = _HIDDEN_LARGE if n_features >= _LARGE else _HIDDEN_SMALL
    widths = (n_features, *hidden, _CODE)
    down = [_linear(a, b, generator) for a, b in pairwise(widths)]
    up = [_linear(b, a, generator) for a, b in pairwise(widths)][::-1]
    encoder = nn.Sequential(down[0], nn.ReLU(), down[1], nn.ReLU(), down[2])
    decoder = nn.Sequential(up[0], nn.ReLU(), up[1], nn.ReLU(), up[2], nn.Tanh())
    return encoder, decoder


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
