"""The two kinds of things that a network connects, in the words of its data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Kind:
    """What the things of one side are called.

    Args:
        name: of one, such as "gene".
        plural: of several, such as "genes".
    """

    name: str
    plural: str

    @property
    def key(self) -> str:
        """In file names and as the name of a column, such as ``small_molecule``."""
        return key_of(self.name)

    @property
    def one(self) -> str:
        """With its article, such as "an enzyme"."""
        return f"{'an' if self.name[0] in 'aeioAEIO' else 'a'} {self.name}"

    @property
    def similarity(self) -> str:
        """The name of its similarity's file, without the suffix."""
        return f"{self.key}_similarity"

    def counted(self, count: int) -> str:
        """Such as "1 gene" or "2 genes"."""
        return f"{count} {self.name if count == 1 else self.plural}"

    def is_called(self, word: str) -> bool:
        """Whether a word, such as a header, means this kind: in any case, one or several."""
        return kind_of(word).key in (self.key, key_of(self.plural))


TAKEN = ("probability", "rank", "known", "network_rank")  # columns beside those of the kinds
Kinds = tuple[Kind, Kind]  # of the rows and of the columns

MIRNA = Kind("miRNA", "miRNAs")
SMALL_MOLECULE = Kind("small molecule", "small molecules")
DEFAULT_KINDS: Kinds = (MIRNA, SMALL_MOLECULE)
# Where no data are at hand.
ANY_KINDS: Kinds = (Kind("row", "rows"), Kind("column", "columns"))
_ACRONYM = 3  # letters of the longest word in capitals that is taken for one
_KNOWN = {
    "mirna": MIRNA,
    "small_molecule": SMALL_MOLECULE,
    "smallmolecule": SMALL_MOLECULE,
    "sm": SMALL_MOLECULE,
}


def as_record(kinds: Kinds) -> list[dict[str, str]]:
    """For JSON: ``[{"name": "gene", "plural": "genes"}, ...]``."""
    return [asdict(kind) for kind in kinds]


def of_record(record: str | list[dict[str, str]] | None) -> Kinds:
    """Of what `as_record` gave, or its text.

    Earlier records name no kinds: all data were of miRNAs and small molecules.
    """
    if record is None:
        return DEFAULT_KINDS
    first, second = json.loads(record) if isinstance(record, str) else record
    return Kind(**first), Kind(**second)


def in_words_of(text: str, kinds: Kinds) -> str:
    """The text with ``{row}``, ``{rows}``, ``{column}`` and ``{columns}`` in the data's words."""
    for side, kind in zip(("row", "column"), kinds, strict=True):
        text = text.replace(f"{{{side}}}", kind.name).replace(f"{{{side}s}}", kind.plural)
    return text


def key_of(word: str) -> str:
    """In lower case, every run of other characters than letters and digits as one ``_``."""
    return _SEPARATORS.sub("_", word.lower()).strip("_")


def kind_of(word: str, plural: str | None = None) -> Kind:
    """The kind that a header, a file's name or `dataset.yaml` names.

    ``Gene`` and ``GENE`` become "gene", ``lncRNA`` and ``SNP`` stay, ``_`` is a space; `miRNA` and
    `small molecule` are known in several spellings.

    Args:
        plural: made by a small rule where it is not given.
    """
    known = _KNOWN.get(key_of(word))
    if known is not None:
        return known if plural is None else Kind(known.name, plural)
    name = " ".join(map(_small, word.replace("_", " ").split()))
    return Kind(name, plural or _plural(name))


def _small(word: str) -> str:
    is_a_heading = word[1:].islower() or (word.isupper() and len(word) > _ACRONYM)
    return word.lower() if is_a_heading else word


def _plural(name: str) -> str:
    if name.endswith(("series", "species")):
        return name
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"
