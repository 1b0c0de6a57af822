"""The report and the folds among the artifacts of the study's own run, where MLflow shows them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from model.evaluation.folds import Fold
from model.evaluation.folds_file import FoldsFile
from tuning.console import console
from tuning.home import data_folder
from tuning.record.views import set_views

if TYPE_CHECKING:
    from model.data.datasets import AssociationDataset
    from tuning.plan import StudyPlan
    from tuning.record.study_record import StudyRecord

REPORT, FOLDS = "report.html", "folds.json"
_MOST_PAIRS = 300_000  # of all folds together: some 10 MB


def attach_folds(record: StudyRecord, plan: StudyPlan, folds: tuple[Fold, ...]) -> None:
    """Keep the folds by name with the study's run, unless they are too many to be a file.

    `mmatune folds export` gives the same file at any time.
    """
    if sum(len(fold.train_pairs) + fold.ranked_against.shape[1] for fold in folds) > _MOST_PAIRS:
        return
    try:
        named = FoldsFile.of(plan.dataset, plan.protocol, plan.seed)
    except InputError:
        return  # names that both sides have: such folds cannot be told by name
    with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
        named.write(Path(folder, FOLDS))
        record.log_file(record.run_id, Path(folder, FOLDS), "")


def attach_report(record: StudyRecord, study: str, dataset: AssociationDataset) -> None:
    """Draw the report, keep it with the study's run, and order the views by importance.

    MLflow must know all of the record. Whatever goes wrong is said and no more: a study is worth
    more than its picture.

    Args:
        dataset: what the study was made on.
    """
    try:
        from tuning.report.page import write_page  # matplotlib takes a second
        from tuning.report.reading import read_report

        report = read_report(study, None, data_folder(), dataset)
        with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
            write_page(report, Path(folder, REPORT))
            record.client.log_artifact(record.run_id, str(Path(folder, REPORT)))
        set_views(record.client, record.experiment_id, _most_important_first(report))
    except Exception as problem:
        said = f"{type(problem).__name__}: {problem}"
        console.print(f"There is no report in MLflow, {said}", style="yellow", markup=False)


def _most_important_first(report: dict[str, Any]) -> list[str]:
    important = list(report["importance"]["values"]) if report["importance"] else []
    return important + [name for name in report["space"]["search"] if name not in important]
