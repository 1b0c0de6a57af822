"""`mmatune data import`: data as people have them, as a folder of data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from model.data.datasets import AssociationDataset
from model.data.finding import Finding, warn_of
from model.data.importing.choices import Choices
from model.data.importing.understanding import Understood, understand
from model.data.importing.writing import write_understood
from model.errors import InputError
from model.evaluation.fitness import findings
from tuning.console import JsonOption, console, print_json


def import_(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Files, or folders of files: .csv, .tsv, .txt, .xlsx, .xls, .mat; matrices, pairs,"
            " similarities and names, in any number of files, sheets or variables.",
            show_default=False,
        ),
    ],
    to: Annotated[Path, typer.Option(help="A folder that is empty or not there yet.")],
    kinds: Annotated[
        str, typer.Option(help="What rows and columns are called, such as `gene,drug`.")
    ] = "",
    transpose: Annotated[
        bool,
        typer.Option(
            "--transpose", help="The associations have the second of --kinds in rows, or first."
        ),
    ] = False,
    associations: Annotated[
        str, typer.Option(metavar="FILE", help="Which file, FILE:SHEET or FILE:VARIABLE it is.")
    ] = "",
    similarity: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=FILE", help="Which similarity is of this kind; repeatable."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=FILE", help="Which file names these; repeatable."),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            help="Of a list: the columns of both ends, and of the weight as a third, by header or"
            " number from 1, such as `gene,drug` or `1,3`."
        ),
    ] = "",
    threshold: Annotated[
        str,
        typer.Option(
            help="From which weight on there is an association; `<=30` where small ones are strong."
        ),
    ] = "",
    index_base: Annotated[
        int | None, typer.Option(min=0, max=1, help="Things are counted from 0 or from 1.")
    ] = None,
    symmetrise: Annotated[
        bool,
        typer.Option("--symmetrise", help="Similarities: the mean of A to B and B to A."),
    ] = False,
    nan_as_0: Annotated[
        bool, typer.Option("--nan-as-0", help="Missing cells of a matrix are 0.")
    ] = False,
    drop_unlisted: Annotated[
        bool,
        typer.Option("--drop-unlisted", help="Leave out associations of names that none lists."),
    ] = False,
    encoding: Annotated[
        str, typer.Option(help="Of text files that are not Unicode, such as `gb18030`.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a folder of data from files in the form in which people have them.

    What can be seen is understood and said before anything is written: the kinds, the shapes, where
    names come from, how many pairs, what is changed. What cannot be seen is refused with the flag
    that says it. The folder's `dataset.yaml` has the files' SHA-256 and the changes.

    Example: `mmatune data import downloads/nr --to nuclear-receptors --kinds target,drug`
    """
    understood = understand(
        sources,
        Choices(
            kinds=_two(kinds),
            associations=associations or None,
            similarities=_by_kind("--similarity", similarity or ()),
            names=_by_kind("--names", names or ()),
            columns=_columns(columns),
            index_base=index_base,
            threshold=_number(threshold),
            at_most=threshold.strip().startswith("<"),
            transpose=transpose,
            symmetrise=symmetrise,
            nan_as_0=nan_as_0,
            drop_unlisted=drop_unlisted,
            encoding=encoding or None,
        ),
    )
    if not as_json:
        for line in understood.notes:
            console.print(escape(line), soft_wrap=True)
        for line in understood.changes:
            console.print(f"[yellow]changed:[/] {escape(line)}", soft_wrap=True)
    dataset = write_understood(understood, to)
    found = findings(dataset)
    if as_json:
        return print_json(_document(understood, to, dataset, found))
    warn_of(found)
    command = f"mmatune data check {shlex.quote(str(to))}"
    console.print(f"wrote {to}; check it with `{command}`", markup=False, soft_wrap=True)


def _document(
    understood: Understood, to: Path, dataset: AssociationDataset, found: Sequence[Finding]
) -> dict[str, object]:
    rows, columns = understood.associations.shape
    return {
        "folder": str(to),
        "data_hash": dataset.content_hash,
        "kinds": list(understood.kinds),
        "rows": rows,
        "columns": columns,
        "associations": int(understood.associations.sum()),
        "understood": list(understood.notes),
        "changes": list(understood.changes),
        "warnings": [str(finding) for finding in found],
        "source": [{"file": name, "sha256": digest} for name, digest in understood.files],
    }


def _two(kinds: str) -> tuple[str, str] | None:
    if not kinds:
        return None
    words = [word.strip() for word in kinds.split(",")]
    if len(words) != 2 or not all(words) or words[0].casefold() == words[1].casefold():
        raise InputError(
            f"{kinds!r} is not two kinds",
            where="--kinds",
            hint="name the rows first, then the columns: --kinds gene,drug",
        )
    return words[0], words[1]


def _columns(columns: str) -> tuple[str, ...] | None:
    if not columns:
        return None
    words = tuple(word.strip() for word in columns.split(","))
    if len(words) not in (2, 3) or not all(words):
        raise InputError(
            f"{columns!r} is not two or three columns",
            where="--columns",
            hint="both ends of a pair, and its weight as a third: --columns gene,drug,score",
        )
    return words


def _number(threshold: str) -> float | None:
    digits = threshold.strip().lstrip("<>=").strip()
    if not digits:
        return None
    try:
        return float(digits)
    except ValueError:
        raise InputError(
            f"{threshold!r} is no number", where="--threshold", hint="for example 0.5, or '<=30'"
        ) from None


def _by_kind(option: str, given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        kind, _, file = (part.strip() for part in one.partition("="))
        if not kind or not file:
            raise InputError(
                f"{one!r} names no kind and file",
                where=option,
                hint=f"for example {option} gene=genes.txt",
            )
        found[kind] = file
    return found
