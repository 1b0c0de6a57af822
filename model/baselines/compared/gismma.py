"""GISMMA: graphlet interactions between things of one side as evidence for an association.

Guan, Sun, Ming, Li & Chen, Front. Pharmacol. 9, 1152 (2018).

Shape legend: M rows, S columns, N either, G = 28 graphlets, A_MS the 0/1 training associations.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from model.baselines.compared.by_content import kept_by_content
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# How another node of a graphlet is tied to i and to j: "10" to i alone, "00" to neither. Its
# weights towards i and j are an edge's (1) or a non-edge's (0).
_TIES = ("10", "01", "11", "00")
# The connected graphlets of four nodes i, j, k, l: whether i-j and k-l are edges, and the ties of
# k and l.
_FOUR = {
    (1, 0): ("10 10", "01 01", "11 11", "10 01", "10 11", "01 11"),
    (1, 1): ("10 10", "01 01", "11 11", "10 01", "10 11", "01 11", "10 00", "01 00", "11 00"),
    (0, 0): ("10 11", "01 11", "11 11"),
    (0, 1): ("10 11", "01 11", "11 11", "11 00", "10 01"),
}


def gismma(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): the mean of what either side says, each with weights of its own.

    From the rows: x_k(s, j) = sum over the rows m known for column s, m != j, of P_k(m, j), with
    P_k from `graphlet_interactions`. The weights v solve x(s, j) . v = 1 over the known pairs, of
    columns with at least two associations, in the sense of least squares; the score is x . v. It is
    0 for a column without a training association. The published values leave nothing to choose.
    """
    a_MS = training_matrix(dataset, fold.train_pairs)
    with threadpool_limits(limits=1):
        by_row_MS = _side(dataset.row_similarity, a_MS)
        by_column_MS = _side(dataset.column_similarity, a_MS.T).T
    scores_MS: np.ndarray = (by_row_MS + by_column_MS) / 2
    return scores_MS


def _side(similarity_NN: np.ndarray, a_NO: np.ndarray) -> np.ndarray:
    """(N, O): scores from the graphlets of one side.

    Args:
        a_NO: training associations of its N things with the O of the other side.
    """
    p_GNN = graphlet_interactions(similarity_NN)
    x_GNO = np.stack([p_NN.T @ a_NO for p_NN in p_GNN])
    known = (a_NO == 1) & (a_NO.sum(axis=0) >= 2) & (x_GNO != 0).any(axis=0)
    x_KG = x_GNO[:, known].T
    weights_G = np.linalg.pinv(x_KG.T @ x_KG) @ x_KG.sum(axis=0)
    scores_NO: np.ndarray = np.tensordot(weights_G, x_GNO, axes=1)
    return scores_NO


@kept_by_content
def graphlet_interactions(similarity_NN: np.ndarray) -> np.ndarray:
    """(G, N, N): P_k(i, j) = N_k(i, j) / sum over j' of N_k(i, j'), 0 where there is nothing.

    N_k(i, j) adds up all occurrences of the k-th connected graph on two, three or four nodes that
    contains i and j, told apart up to an exchange of the other nodes. An occurrence weighs the
    product of the similarities A over its edges, and of B = 1 - A over its missing edges; both
    have no diagonal. Exchanging two others of one kind counts an occurrence twice, which P_k does
    not see.
    """
    edge, gap = similarity_NN.copy(), 1 - similarity_NN
    for matrix in (edge, gap):
        np.fill_diagonal(matrix, 0)
    weight = (gap, edge)
    three = [gap * (edge @ edge), edge * (edge @ gap), edge * (gap @ edge), edge * (edge @ edge)]
    four = _of_four(edge, gap)
    ties = [weight[c] * four[m, pair] for (c, m), pairs in _FOUR.items() for pair in pairs]
    counts_GNN = np.stack([edge, *three, *ties])
    totals = counts_GNN.sum(axis=2, keepdims=True)
    shares_GNN: np.ndarray = np.divide(
        counts_GNN, totals, out=np.zeros_like(counts_GNN), where=totals != 0
    )
    return shares_GNN


def _of_four(edge: np.ndarray, gap: np.ndarray) -> dict[tuple[int, str], np.ndarray]:
    """(N, N), without the weight of i-j: by whether k-l is an edge, and the ties of k and l.

    sum over k, l of x_k(i) y_k(j) m_kl u_l(i) v_l(j). For one i it is a product of matrices for
    the ties of k, whose columns are then weighed by the ties of l.
    """
    weight = (gap, edge)
    wanted = sorted({(m, pair) for (_, m), pairs in _FOUR.items() for pair in pairs})
    found = {key: np.empty_like(edge) for key in wanted}
    second_NN = {tie: weight[int(tie[1])] for tie in _TIES}
    first_NN = {tie: weight[int(tie[0])] for tie in _TIES}
    for i in range(len(edge)):
        for m, tie in sorted({(m, pair[:2]) for m, pair in wanted}):
            left = (second_NN[tie] * first_NN[tie][i]) @ weight[m]
            for other in _TIES:
                if (m, f"{tie} {other}") in found:
                    right = left * second_NN[other]
                    found[m, f"{tie} {other}"][i] = right @ first_NN[other][i]
    return found
