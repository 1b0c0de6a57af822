"""Reproduce one table or figure: measure, compare with the printed values, print and save."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import case_study, development_folds
from tuning.cluster.session import Resources, ray_session
from tuning.console import console
from tuning.reproduction.labels import Audit, Claim, audit
from tuning.reproduction.measuring import measure, measure_daestb, percent
from tuning.reproduction.rendering import (
    markdown,
    plot_curve,
    plot_ranking,
    plot_table,
    table_frame,
    terminal_table,
    write_text,
)
from tuning.reproduction.targets import (
    DAESTB,
    FIGURES,
    PROTOCOLS,
    paper_figures,
    published,
    target,
)
from tuning.search.worker import train_final

_AXES = {"figure-s5": "alpha", "figure-s6": "mask rate p"}


def reproduce_measured(
    name: str, dataset: AssociationDataset, seeds: Sequence[int], epochs: int, folder: Path
) -> dict[str, Any]:
    """Tables 2 to 4, figures S5 and S6: train, measure under both protocols, print and save."""
    wanted = target(name, dataset.name, epochs)
    with console.status("starting Ray ...") as status, ray_session():
        folds = measure(
            dataset,
            wanted.configurations,
            PROTOCOLS,
            seeds,
            lambda done, total: status.update(f"{name}: {done} of {total} trainings done ..."),
        )
        measured = {key: percent(of_seeds) for key, of_seeds in folds.items()}
        if name == "table-2":
            for protocol in PROTOCOLS:
                for number, fold in enumerate(folds["Average", protocol][0], start=1):
                    measured[str(number), protocol] = percent([[fold]])
            status.update(f"{name}: DAESTB ...")
            measured[DAESTB, "daestb"] = percent(measure_daestb(dataset, seeds))
    frame = table_frame(wanted.paper, measured, wanted.metrics)
    if name == "table-2":  # the paper's rows come in its own order
        frame = frame.sort_values("row", key=lambda rows: rows.map(_row_order), kind="stable")
    title = f"{_title(name)}, {dataset.name}: {wanted.title}"
    said = [wanted.reading, *filter(None, [wanted.claim])]
    said.append(
        f"{len(seeds)} seed(s), {epochs} epochs; mean and sd over folds and seeds, in percent."
    )
    write_text(folder / f"{name}.csv", frame.to_csv(index=False))
    paragraphs = [f"# {title}", *said, markdown(frame)]
    write_text(folder / f"{name}.md", "\n\n".join(paragraphs))
    if name in FIGURES:
        plot_curve(frame, title, _AXES[name], folder / f"{name}.png")
    else:
        plot_table(frame[frame["row"] != DAESTB], title, folder / f"{name}.png")
    console.print(terminal_table(frame, title))
    for sentence in said:
        console.print(sentence)
    return {"target": name, "seeds": len(seeds), "epochs": epochs, "rows": _records(frame)}


def reproduce_case(
    name: str, dataset: AssociationDataset, epochs: int, folder: Path
) -> dict[str, Any]:
    """Tables 5 to 7: compare the printed marks with the data, then rank the same pairs."""
    printed = paper_figures()[name]
    title = f"{_title(name)}, {dataset.name}: {printed['title']}"
    sections, cases = [], []
    frames = []
    with console.status("starting Ray ...") as status, ray_session():
        for node, text in printed["cases"].items():
            found = audit(Claim.of(node, text), dataset)
            right = found.corrected.node if found.corrected else node
            status.update(f"{name}: {right} removed, training ...")
            frame, auc = _ranking(found, right, dataset, epochs)
            said = [*found.sentences(), _ranked_sentence(frame, right, auc)]
            sections.append(f"## {node}\n\n" + "\n\n".join(said) + "\n\n" + markdown(frame))
            frames.append(frame.assign(table_says=node, node=right))
            cases.append({"node": node, "is": right, "auc": auc, "said": said})
            console.print(terminal_table(frame, f"{title}: {node}"))
            for sentence in said:
                console.print(sentence)
    everything = pd.concat(frames)
    write_text(folder / f"{name}.csv", everything.to_csv(index=False))
    write_text(folder / f"{name}.md", f"# {title}\n\n" + "\n".join(sections))
    found = everything[everything["our rank"].notna()]  # a name may not be in the data
    labelled = found.assign(name=found["node"] + ": " + found["is"])
    plot_ranking(labelled, f"{title} (labels mended)", folder / f"{name}.png")
    return {"target": name, "epochs": epochs, "cases": cases, "rows": _records(everything)}


def _ranking(
    found: Audit, node: str, dataset: AssociationDataset, epochs: int
) -> tuple[pd.DataFrame, float]:
    """The listed names with our rank of each, and the AUC of our whole ranking of the node.

    Where the labels can be corrected, it is the corrected names that are ranked.
    """
    protocol = case_study(node)
    (fold,) = development_folds(dataset, protocol, 0)
    probability = train_final(
        published(epochs), dataset, fold.train_pairs, 0, Resources(cpus=1, gpus=0, at_once=1)
    )
    of_row = node in dataset.rows
    others = dataset.columns if of_row else dataset.rows
    row = (dataset.rows if of_row else dataset.columns).index(node)
    scores = probability[row] if of_row else probability[:, row]
    known = (dataset.associations if of_row else dataset.associations.T)[row].astype(bool)
    rank = np.empty(len(scores), dtype=int)
    rank[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    shift = found.corrected.shift if found.corrected else 0
    place = {name: index for index, name in enumerate(others)}
    lines = []
    for name, marked in found.claim.marks:
        at = None if name not in place else (place[name] + shift) % len(others)
        lines.append(
            {
                "name": name,
                "is": "" if at is None else others[at],
                "paper says": "known" if marked else "not",
                "in the data": "" if at is None else "known" if known[at] else "not",
                "our rank": None if at is None else int(rank[at]),
            }
        )
    pairs = np.count_nonzero(known) * np.count_nonzero(~known)
    better = (scores[known][:, None] > scores[~known]).sum()
    ties = (scores[known][:, None] == scores[~known]).sum()
    frame = pd.DataFrame(lines)
    frame["our rank"] = frame["our rank"].astype("Int64")
    return frame, float((better + ties / 2) / pairs) if pairs else float("nan")


def _ranked_sentence(frame: pd.DataFrame, node: str, auc: float) -> str:
    length = len(frame)
    within = int((frame["our rank"] <= length).sum())
    return (
        f"With all associations of {node} removed, the published settings rank {within} of these"
        f" {length} names among their first {length}; AUC of the whole ranking {auc:.3f}."
    )


def _title(name: str) -> str:
    kind, number = name.split("-")
    return f"{kind.capitalize()} {number.upper()}"


def _row_order(row: str) -> int:
    return ["1", "2", "3", "4", "5", "Average", DAESTB].index(row)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return list(json.loads(frame.to_json(orient="records")))
