"""Ranked pairs as people take them along: with evidence, names and links, and as a file.

Shape legend: M rows, S columns.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.data.catalogue import NAMES, load
from model.data.datasets import AssociationDataset
from model.data.labels import Labels, labels_of
from model.errors import InputError
from tuning.registry.ranking import Ranking

ENDINGS = (".csv", ".tsv", ".json")


def known_data(
    tags: Mapping[str, str], data: str | None, data_dir: Path
) -> tuple[AssociationDataset | None, Path | None]:
    """The data that a version was trained on, if they are here, and the folder they are in.

    Args:
        tags: of the version.
        data: where the data set is, if it is the user's own.

    Raises:
        InputError: ``data`` is given and is not what the version was trained on.
    """
    wanted = data or tags.get("dataset", "")
    folder = data_dir / wanted if wanted in NAMES else Path(wanted).expanduser()
    try:
        found = load(wanted, data_dir)
    except InputError:
        if data is not None:
            raise
        return None, None
    if found.content_hash == tags.get("data_hash"):
        return found, folder
    if data is None:
        return None, None
    raise InputError(
        f"the model was trained on other data (content hash {tags.get('data_hash', '')[:12]})",
        where="--data",
        hint="give the folder of the study's data",
    )


def pair_rows(
    found: Ranking, dataset: AssociationDataset | None, folder: Path | None
) -> list[dict[str, Any]]:
    """A row for each pair of a ranking, best first, with what speaks for it.

    Of a pair of gene and drug: ``rank``, ``gene``, ``drug``, ``probability``, ``known``,
    ``network_rank``; with the data at hand also ``gene_degree`` and ``drug_degree`` (known
    associations of each), ``nearest_gene`` (of the genes known with this drug the one most similar
    to this gene) and its ``nearest_gene_similarity``, the same of drugs; ``gene_name`` where the
    data have a `labels.csv`; ``gene_link`` where there is a pattern for it. None is nothing to say.

    Args:
        dataset: that the model was trained on; None leaves the evidence out.
        folder: of the data, for names and links.
    """
    labels, keys = labels_of(folder, found.kinds), [kind.key for kind in found.kinds]
    places = _places(dataset) if dataset is not None else None
    rows = []
    for pair in found.pairs.to_dict(orient="records"):
        row: dict[str, Any] = {"rank": _whole(pair["rank"])}
        for key in keys:
            row[key] = str(pair[key])
            if labels.names:
                row[f"{key}_name"] = labels.name(row[key])
        row["probability"] = float(pair["probability"])
        row["known"] = bool(pair["known"])
        row["network_rank"] = _whole(pair["network_rank"])
        if dataset is not None and places is not None:
            row |= evidence(dataset, places[0][row[keys[0]]], places[1][row[keys[1]]])
        rows.append(row | _links(labels, keys, row))
    return rows


def evidence(dataset: AssociationDataset, row: int, column: int) -> dict[str, Any]:
    """What is known around one pair: degrees, and the nearest known partners on either side.

    Args:
        row: place of its row, 0 to M - 1.
        column: place of its column, 0 to S - 1.
    """
    known = dataset.associations
    sides = (
        (dataset.kinds[0].key, known[:, column], dataset.row_similarity[row], row, dataset.rows),
        (
            dataset.kinds[1].key,
            known[row],
            dataset.column_similarity[column],
            column,
            dataset.columns,
        ),
    )
    degrees = int(known[row].sum()), int(known[:, column].sum())
    said: dict[str, Any] = {
        f"{kind.key}_degree": degree for kind, degree in zip(dataset.kinds, degrees, strict=True)
    }
    for key, partners, similarity, own, names in sides:
        others = np.flatnonzero(partners)
        others = others[others != own]
        nearest = others[np.argmax(similarity[others])] if others.size else None
        said[f"nearest_{key}"] = None if nearest is None else names[nearest]
        said[f"nearest_{key}_similarity"] = (
            None if nearest is None else round(float(similarity[nearest]), 4)
        )
    return said


def as_text(rows: Sequence[Mapping[str, Any]], ending: str) -> str:
    """The rows as a file of this ending, one of `ENDINGS`."""
    if ending == ".json":
        return json.dumps(list(rows), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    text, columns = io.StringIO(), list(rows[0]) if rows else []
    delimiter = "\t" if ending == ".tsv" else ","
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{key: _cell(value) for key, value in row.items()} for row in rows])
    return text.getvalue()


def check_out(out: Path) -> None:
    """Refuse a file that cannot be written, before a model is loaded for it.

    Raises:
        InputError: another ending, a folder, or a folder that does not exist.
    """
    if out.suffix.lower() not in ENDINGS:
        hint = f"give it one of the endings {', '.join(ENDINGS)}"
        if out.suffix.lower() in (".xlsx", ".xls"):
            hint += "; Excel opens a CSV file"
        raise InputError(f"{out} has no ending that says its format", where="--out", hint=hint)
    if out.is_dir() or not out.absolute().parent.is_dir():
        problem = "is a folder" if out.is_dir() else "is in a folder that does not exist"
        raise InputError(f"{out} {problem}", where="--out", hint="name a file to write")


def _places(dataset: AssociationDataset) -> tuple[dict[str, int], dict[str, int]]:
    first, second = (
        {name: place for place, name in enumerate(names)}
        for names in (dataset.rows, dataset.columns)
    )
    return first, second


def _links(labels: Labels, keys: Sequence[str], row: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{key}_link": labels.link(side, row[key])
        for side, key in enumerate(keys)
        if labels.links[side] is not None
    }


def _whole(rank: Any) -> int | None:
    return None if rank is None or rank != rank else int(rank)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else value
