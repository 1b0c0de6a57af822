"""Public data sets that are downloaded from where their files stand, verified, and imported.

Nothing of them is part of mmatune. Files are taken at a pinned commit. Where their bytes were at
hand when this was written, their SHA-256 is here; where not, the data are checked by their sizes
and the number of their associations.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from model.data.importing.choices import Choices

_PYDTI = "https://raw.githubusercontent.com/stephenliu0423/PyDTI/96b132d/datasets"
_IMCMDA = (
    "https://raw.githubusercontent.com/IMCMDAsourcecode/IMCMDA/"
    "1d1a63aed10c6ad560a3f14fa2fd4fab4520b390/IMCMDA%20source%20code"
)


@dataclass(frozen=True)
class PublicFile:
    """A file below the address of its data set.

    Args:
        path: below the address.
        sha256: of its content, in hexadecimal; None where it is not known.
    """

    path: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def expected(self) -> str | None:
        """The checksum that the content has to have, None if it is not known."""
        return self.sha256

    @staticmethod
    def checksum(content: bytes) -> str:
        """The checksum of a content."""
        return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class PublicDataset:
    """Where the files of a public data set stand and how they are read.

    Args:
        name: also the name of its folder.
        about: what it is and who made it, in a line.
        kinds: of the rows and of the columns.
        size: rows, columns, associations.
        base_url: of its files.
        choices: what cannot be seen in its files.
    """

    name: str
    about: str
    kinds: tuple[str, str]
    size: tuple[int, int, int]
    base_url: str
    files: tuple[PublicFile, ...]
    choices: Choices

    @property
    def is_verified(self) -> bool:
        """Whether every file has a known checksum; else sizes and counts are checked alone."""
        return all(file.sha256 is not None for file in self.files)


def _yamanishi(
    name: str, what: str, short: str, size: tuple[int, int, int], *sha256: str
) -> PublicDataset:
    """One of the four networks of Yamanishi et al., as PyDTI has them: targets by drugs."""
    parts = ("admat_dgc", "simmat_dc", "simmat_dg")
    digests: tuple[str | None, ...] = sha256 or (None, None, None)
    return PublicDataset(
        name,
        f"{what} and drugs, Yamanishi et al. 2008",
        ("target", "drug"),
        size,
        _PYDTI,
        tuple(
            PublicFile(f"{short}_{part}.txt", digest)
            for part, digest in zip(parts, digests, strict=True)
        ),
        Choices(kinds=("target", "drug"), symmetrise=True),
    )


_ALL = (
    _yamanishi(
        "nuclear-receptors",
        "nuclear receptors",
        "nr",
        (26, 54, 90),
        "74256ec88b415dbdb93735e93797955e82587f3154988e99787a4e604111963b",
        "f80e101f284934b85c5dc7601ecaca2cc86c62a946141b2587f3ac8482c9a7c1",
        "5bf651f310b037320fe5d8aa61dfa15e0d8af4b0fd50c3969201085e64b631e1",
    ),
    _yamanishi(
        "gpcr",
        "G protein-coupled receptors",
        "gpcr",
        (95, 223, 635),
        "49b2a8a0139dac3116399618bfefc9d1afcc276ce31b7de4e241d1b6e62ef8ab",
        "ba9c1cf096f0f688d1341fec22ebdecb63162005394d3b5ec3e2f2ef3fd40df9",
        "c58c4311d2086a6914208ed0914598528ce54ade88eb52b0f737eedcaf5001e4",
    ),
    _yamanishi("ion-channels", "ion channels", "ic", (204, 210, 1476)),
    _yamanishi("enzymes", "enzymes", "e", (664, 445, 2926)),
    PublicDataset(
        "hmdd2",
        "miRNAs and diseases, HMDD v2 as Chen et al. 2018 prepared it",
        ("miRNA", "disease"),
        (495, 383, 5430),
        _IMCMDA,
        (
            PublicFile(
                "1.miRNA-disease association/knowndiseasemirnainteraction.txt",
                "62d235e58c5680caf602b5ee1132695ce394764cc5c0086cc25403b38b895d61",
            ),
            PublicFile(
                "1.miRNA-disease association/miRNA name.xlsx",
                "7acf8c3c1a89514ea48dc6adf57b622f18378c5210ee08b7b91fe31432245022",
            ),
            PublicFile(
                "1.miRNA-disease association/disease name.xlsx",
                "754843497bad833a8683d3fc7e7117682db771b445dca69804a7de28cc3cfba3",
            ),
            PublicFile(
                "4.miNA functional simialrity/functional similarity matrix.txt",  # so it is spelt
                "f241f0c00734b8803d16c666266a26cb699d34721ef5746e9db1953ddb235f80",
            ),
            PublicFile(
                "2.disease semantic similarity 1/disease semantic similarity matrix 1.txt",
                "aa46a442457a52575d57bf95d9389b1dc29a8a78a1ba9513a5bc1ec9f88cfa88",
            ),
        ),
        Choices(kinds=("miRNA", "disease")),
    ),
)

PUBLIC = {dataset.name: dataset for dataset in _ALL}
