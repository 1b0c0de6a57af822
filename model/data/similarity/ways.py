"""The table of ways to a similarity: one line a way, and one file beside this one.

A file imports its library where it is used, not at its top: RDKit and Biopython are optional.
"""

from __future__ import annotations

from model.data.similarity.alignment import ALIGNMENT
from model.data.similarity.annotations import ANNOTATIONS
from model.data.similarity.features import FEATURES
from model.data.similarity.interface import Way
from model.data.similarity.kmers import KMERS
from model.data.similarity.mean import MEAN
from model.data.similarity.ontology import ONTOLOGY
from model.data.similarity.smiles import SMILES
from model.table import Table

WAYS: Table[Way] = Table(
    "way to a similarity",
    "mmatune.similarities",
    {
        "smiles": SMILES,
        "alignment": ALIGNMENT,
        "kmers": KMERS,
        "annotations": ANNOTATIONS,
        "ontology": ONTOLOGY,
        "features": FEATURES,
        "mean": MEAN,
    },
)
