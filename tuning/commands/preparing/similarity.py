"""`mmatune data similarity`: make a similarity from descriptions of things."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from model.data.datasets import AssociationDataset
from model.data.finding import warn_of
from model.data.similarity.fitting import fitted, has_associations, refuse_associations, side_for
from model.data.similarity.interface import Similarity, make, read_settings
from model.data.similarity.ways import WAYS
from model.data.similarity.writing import check_target, write
from model.data.user_data import load_user_folder
from model.errors import Problems
from model.evaluation.fitness import findings, gather_faults
from tuning.console import JsonOption, console, print_json


def similarity(
    way: Annotated[str, typer.Argument(help="One of the ways above.", metavar="WAY")],
    files: Annotated[list[Path], typer.Argument(help="What describes the things.")],
    to: Annotated[
        Path, typer.Option("--to", help="A folder of your data, or a file: .csv, .tsv, .npy.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="What the things are called in the folder, such as gene; default: the kind that"
            " has no similarity there.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the way, name=value; more than once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a similarity of one side's things: from what is known of them, never from associations.

    Ways, and what each takes:

    - **smiles** TABLE: molecules by Morgan fingerprints, Tanimoto (RDKit).
    - **alignment** FASTA or TABLE: sequences by their best alignments, normalised (Biopython).
    - **kmers** FASTA or TABLE: sequences by their words of k letters.
    - **annotations** TABLE: sets of annotations by the Jaccard index.
    - **ontology** TERMS PARENTS: diseases by their terms, as Wang et al. do.
    - **features** TABLE: numbers, scaled, by rbf or cosine.
    - **mean** SIMILARITY SIMILARITY...: the mean of several.

    A table has a header row and names in its first column. Settings have defaults, which
    docs/similarity.md lists. What cannot be read is told all at once, and then nothing is written.

    Into a folder of your data only what fits its names is written.

    Example: `mmatune data similarity smiles drugs.csv --to my-data --kind drug`
    """
    chosen = WAYS[way]
    refuse_associations(files)
    dataset, side = None, 0
    if to.is_dir() and has_associations(to):
        dataset = load_user_folder(to)
        side = side_for(dataset, kind)
        kind = dataset.kinds[side].name
    check_target(to, kind)
    quiet = as_json or not console.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=quiet, transient=True
    ) as bar:
        task = bar.add_task(way)
        made = make(
            chosen,
            files,
            settings or [],
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    said = [*made.said]
    if dataset is not None:
        said += _fit(dataset, side, made)
    path = write(made, to, kind)
    between = made.values[np.triu_indices(len(made.names), k=1)]
    document: dict[str, Any] = {
        "file": str(path),
        "way": way,
        "settings": read_settings(chosen.settings, settings or []).dotted(),
        "things": len(made.names),
        "said": said,
        "mean_between": float(between.mean()) if len(between) else None,
        "largest_between": float(between.max()) if len(between) else None,
    }
    if as_json:
        return print_json(document)
    for line in said:
        console.print(line, markup=False, soft_wrap=True)
    size = len(made.names)
    told = f", between two things {between.mean():.3f} on average" if len(between) else ""
    console.print(f"wrote {path}: {size} x {size}{told}", markup=False, soft_wrap=True)


def _fit(dataset: AssociationDataset, side: int, made: Similarity) -> list[str]:
    """Refuse what `data check` would refuse; a line on names that have no association."""
    changed, new = fitted(dataset, side, made)
    problems = Problems()
    found = [one for one in findings(changed) if one.where.endswith(changed.kinds[side].similarity)]
    gather_faults(found, problems)
    problems.raise_any()
    warn_of(found)
    kind = changed.kinds[side]
    return [f"{kind.counted(len(new))} without an association: {', '.join(new[:3])}"] if new else []
