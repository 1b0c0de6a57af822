"""Which kind of thing a word of a file's name, a header or a sheet's name stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

# As people call the two sides of a network; a word that is not here says nothing by itself.
_KINDS = (
    *("gene", "protein", "target", "transcription factor", "mRNA", "miRNA", "lncRNA", "circRNA"),
    *("piRNA", "snoRNA", "drug", "compound", "chemical", "ligand", "small molecule", "metabolite"),
    *("peptide", "antibody", "antigen", "disease", "phenotype", "symptom", "side effect"),
    *("indication", "pathway", "microbe", "bacterium", "virus", "phage", "host", "pathogen"),
    *("plant", "pollinator", "herb", "food", "ingredient", "tissue", "cell line", "patient"),
    *("user", "item", "author", "paper", "RNA"),
)
_OTHER_FORMS = {
    "sm": "small molecule",
    "smallmolecule": "small molecule",
    "sideeffect": "side effect",
    "cellline": "cell line",
    "microrna": "miRNA",
    "bacteria": "bacterium",
    "adr": "side effect",
    "dis": "disease",
    "lnc": "lncRNA",
    "circ": "circRNA",
    "prot": "protein",
    "tf": "transcription factor",
}
# What stands in a header beside or in place of a kind.
_GENERIC = {
    *("id", "ids", "name", "names", "symbol", "number", "no", "index", "idx", "list", "code"),
    *("accession", "label", "score", "weight", "value", "confidence", "pmid", "pubmed"),
    *("evidence", "source", "reference", "association", "interaction", "known", "count", "year"),
    *("affinity", "kd", "ki", "type", "database", "row", "column", "common", "official"),
    # Whose numbers identify things.
    *("bank", "drugbank", "kegg", "uniprot", "entrez", "ensembl", "hgnc", "mesh", "omim"),
    *("doid", "pubchem", "cid", "chembl", "mirbase", "ncbi"),
}
_WEIGHTS = {
    *("score", "weight", "value", "confidence", "label", "association", "interaction", "known"),
    *("affinity", "strength", "y", "probability"),
}


def kind_of(text: str, own: Sequence[str] = ()) -> str | None:
    """The one kind that the text names, None where it names none or several.

    Args:
        text: such as ``disease name`` or ``DrugBank drug id``; letters of other scripts and digits
            separate words.
        own: kinds that the user named; they are known too, and win where both fit.
    """
    words = [_singular(word) for word in _words(text)]
    for kinds in (own, _KINDS):
        known = {_joined(kind): kind for kind in kinds}
        known |= {} if kinds is own else _OTHER_FORMS
        joined = {*words, *("".join(two) for two in pairwise(words))}
        found = {known[word] for word in joined & known.keys()}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def header_kind(cell: str, own: Sequence[str] = ()) -> str | None:
    """What the header of a column says that its things are: a kind, or the header's own words."""
    if kind := kind_of(cell, own):
        return kind
    words = [word for word in _words(cell) if word.casefold() not in _GENERIC]
    return " ".join(words) or None


def is_header_word(cell: str, own: Sequence[str] = ()) -> bool:
    """Whether a cell says what its column holds, rather than being one of its things.

    A cell with a digit, such as ``CID:137``, is a thing.
    """
    if not re.fullmatch(r"[A-Za-z\s_./()#-]+", cell):
        return False
    words = [word.casefold() for word in _words(cell)]
    rest = "".join(_singular(word) for word in words if word not in _GENERIC)
    kinds = {_joined(kind) for kind in (*own, *_KINDS)} | _OTHER_FORMS.keys()
    return bool(words) and (not rest or rest in kinds)


def is_weight(header: str) -> bool:
    """Whether a column of numbers under this header says how sure or strong an association is."""
    return bool(_WEIGHTS & {word.casefold() for word in _words(header)})


def same_kind(one: str, other: str) -> bool:
    """Whether two words are one kind: ``Drugs`` and ``drug``."""
    return _joined(one) == _joined(other)


def _joined(text: str) -> str:
    words = _words(text)
    return "".join([*words[:-1], _singular(words[-1])]).casefold() if words else ""


def _words(text: str) -> list[str]:
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)
    return re.findall(r"[A-Za-z]+", text)


def _singular(word: str) -> str:
    word = word.casefold()
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    if word.endswith("viruses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
