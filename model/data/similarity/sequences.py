"""Sequences of proteins or nucleic acids, from FASTA files or tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.data.readers import place, read_text
from model.data.similarity.interface import Columns, needed
from model.data.similarity.tables import Described, gather_names, read_described
from model.errors import InputError, Problems

_WORDS = ("sequence", "seq", "protein-sequence", "amino-acid-sequence", "aa-sequence")
_FASTA = (".fasta", ".fa", ".faa", ".fna", ".fas", ".ffn", ".frn")
_NUCLEIC = frozenset("ACGTUN")
_AMBIGUOUS_NUCLEIC = _NUCLEIC | frozenset("RYSWKMBDHV")
_RESIDUES = frozenset("ABCDEFGHIKLMNPQRSTVWYXZUOJ")


@dataclass(frozen=True)
class Sequences:
    """Checked sequences.

    Args:
        names: n.
        texts: n, in capitals; of nucleic acids with T for U.
        places: n; where in a file each stands.
        are_nucleic: no other letters than those of nucleic acids are in any of them.
        said: what was understood.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[str, ...]
    are_nucleic: bool
    said: tuple[str, ...]


def read_sequences(path: Path, settings: Columns) -> Sequences:
    """The sequences of a FASTA file, whose names are the first words of the headers, or a table.

    Sequences of A, C, G, T, U and N alone, in all of the file, are nucleic acids; else proteins.

    Raises:
        InputError: for all sequences that are empty or hold what is no residue, and for repeated
            names.
    """
    is_fasta = path.suffix.lower() in _FASTA
    described = _read_fasta(path) if is_fasta else read_described(path, settings, _WORDS)
    # A stop codon's * ends many translated sequences; it is no residue.
    texts = tuple("".join(text.upper().split()).rstrip("*") for text in described.texts)
    letters = set().union(*texts)
    are_nucleic = letters <= _NUCLEIC or (letters <= _AMBIGUOUS_NUCLEIC and _mostly(texts))
    known = _AMBIGUOUS_NUCLEIC if are_nucleic else _RESIDUES
    problems = Problems()
    gather_names(described, problems)
    for name, text, where in zip(described.names, texts, described.places, strict=True):
        if not text:
            problems.add(
                f"{name!r} has no sequence", where=where, hint="give one, or leave the thing out"
            )
        elif wrong := sorted(set(text) - known):
            problems.add(
                f"the sequence of {name!r} holds {', '.join(map(repr, wrong))} (first at"
                f" {min(map(text.index, wrong)) + 1}), no residue",
                where=where,
                hint="give letters alone, without gaps; X stands for any amino acid",
            )
    problems.raise_any()
    kind = "nucleic acids" if are_nucleic else "proteins"
    if are_nucleic:
        texts = tuple(text.replace("U", "T") for text in texts)
    said = (described.said, f"{len(texts)} sequences, read as {kind}")
    return Sequences(described.names, texts, described.places, are_nucleic, said)


def _mostly(texts: Iterable[str]) -> bool:
    """Whether nine of ten letters are plain nucleotides: a protein of such letters is none."""
    whole = "".join(texts)
    return sum(map(whole.count, "ACGTU")) >= 0.9 * len(whole)


def _read_fasta(path: Path) -> Described:
    with needed("Biopython"):
        from Bio.SeqIO.FastaIO import SimpleFastaParser

    lines = read_text(path).splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines, start=1) if line.startswith(">")]
    before = [number for number, line in enumerate(lines, start=1) if line.strip()]
    if not starts or before[0] != starts[0]:
        raise InputError(
            "the first line does not begin with >, so this is no FASTA file",
            where=place(path, row=before[0] if before else 1),
            hint="each sequence follows a line >NAME; a table needs the suffix .csv or .tsv",
        )
    records = list(SimpleFastaParser(iter(lines)))
    return Described(
        names=tuple(title.split()[0] if title.split() else "" for title, _ in records),
        texts=tuple(text for _, text in records),
        places=tuple(place(path, row=number, column=1) for number in starts),
        said=f"{path.name}: names are the first words of the headers",
    )
