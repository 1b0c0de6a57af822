"""Things by numbers: each feature scaled to mean 0 and deviation 1, then a kernel of the rows.

``rbf`` is exp(-gamma |x - y|^2), gamma being 1 over the number of features unless it is set;
``cosine`` is (1 + cos(x, y)) / 2, so that 0 is the opposite and 0.5 has nothing in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from model.config import Config
from model.data.readers import labelled_matrix, place
from model.data.similarity.interface import Advance, Similarity, Way, exact
from model.data.similarity.tables import read_any_table
from model.errors import InputError, Problems


class FeatureSettings(Config):
    """Of numeric features."""

    measure: Literal["rbf", "cosine"] = Field("rbf", description="rbf or cosine")
    gamma: float | None = Field(
        None, gt=0, description="of rbf; default: 1 over the number of features"
    )


def similarity(files: Sequence[Path], settings: FeatureSettings, advance: Advance) -> Similarity:
    """Kernel of the rows of a table of names, in its first column, and numbers."""
    from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
    from sklearn.preprocessing import StandardScaler

    (path,) = files
    table = read_any_table(path)
    names, features, matrix = labelled_matrix(table, row_kind="thing", column_kind="feature")
    varies = np.ptp(matrix.values, axis=0) > 0
    if not varies.any():
        raise InputError(
            "every feature is the same for all things",
            where=place(path, row=table.lines[0]),
            hint="give features that tell things apart",
        )
    scaled = StandardScaler().fit_transform(matrix.values[:, varies])
    said = [f"{path.name}: {len(names)} things, {len(features)} features, each scaled"]
    if constant := [name for name, one in zip(features, varies, strict=True) if not one]:
        more = f" and {len(constant) - 3} more" if len(constant) > 3 else ""
        said.append(f"left out, the same for all: {', '.join(constant[:3])}{more}")
    if settings.measure == "rbf":
        gamma = settings.gamma or 1 / scaled.shape[1]
        values = rbf_kernel(scaled, gamma=gamma)
        said.append(f"exp(-{gamma:g} |x - y|^2)")
    else:
        problems = Problems()
        for row in np.flatnonzero(np.abs(scaled).max(axis=1) < 1e-12):
            problems.add(
                f"{names[row]!r} has the mean of every feature, which has no direction",
                where=place(path, row=matrix.lines[row]),
                hint="--set measure=rbf, or leave the thing out",
            )
        problems.raise_any()
        values = (1 + cosine_similarity(scaled)) / 2
        said.append("(1 + cosine) / 2")
    advance(1, 1)
    return Similarity(tuple(names), exact(values), tuple(said))


FEATURES = Way(
    meaning="things by numbers: scaled, then rbf or cosine",
    files=("TABLE",),
    settings=FeatureSettings(),
    make=similarity,
)
