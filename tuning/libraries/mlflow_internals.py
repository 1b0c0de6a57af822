"""MLflow's private names: all that the project uses, and why no public one would do.

Written for MLflow 3.17. `REQUIRED` says what a version must have; a test checks the installed one.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from tuning.libraries.private_names import Check, takes

# Tags of an experiment that hold the views which the UI offers to every user, as JSON. MLflow has
# no API for views: the UI itself writes these tags when a user shares one.
SHARED_VIEW_TAG = "mlflow.sharedViewState."

# Words of the UI's own format that such a tag and the address of a view are made of.
_UI_WORDS = (
    SHARED_VIEW_TAG.rstrip("."),
    *("viewStateShareKey", "compareRunsMode", "workflowType", "machine_learning"),
    *("searchFilter", "orderByKey", "orderByAsc", "runsHiddenMode", "FIRST_20_RUNS"),
    *("selectedColumns", "columnOrder", "columnWidths", "runDateAndNestInfo"),
    *("compareRunCharts", "compareRunSections", "isAccordionReordered", "metricSectionId"),
    *("selectedMetricKeys", "selectedParams", "showAllRuns", "runsCountToCompare", "cardHeight"),
    *("lineSmoothness", "useGlobalXaxisKey"),
)


# Columns of MLflow's database that hold addresses of files. There is no way to ask for them: MLflow
# never changes an address that it has written. One that a database lacks is passed over.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def _database_has(table: str, column: str) -> bool:
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.model_registry.dbmodels import models as registry  # noqa: F401 - its tables
    from mlflow.store.tracking.dbmodels import models as tracking  # noqa: F401

    return table in Base.metadata.tables and column in Base.metadata.tables[table].columns


def _ui_has(word: str) -> bool:
    return word in _ui()


@cache
def _ui() -> str:
    """All scripts of MLflow's web UI."""
    import mlflow

    folder = Path(mlflow.__file__).parent / "server/js/build/static/js"
    return "\n".join(script.read_text(encoding="utf-8") for script in folder.glob("*.js"))


REQUIRED: dict[str, Check] = {
    **{
        f"the table {table} has the column {column}": partial(_database_has, table, column)
        for table, column in ADDRESSES
    },
    **{f"the UI knows {word}": partial(_ui_has, word) for word in _UI_WORDS},
    # `make_embedded_store` makes the database through it: through the public client, the experiment
    # "Default" would write to whichever folder the first command ran in.
    "SqlAlchemyStore takes a database and a root of artifacts": takes(
        "mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore.__init__",
        *("self", "db_uri", "default_artifact_root", "read_db_uri"),
    ),
    # `mmatune serve` needs the application itself, to open its socket before the model is loaded.
    "scoring_server.init makes the application of a model": takes(
        "mlflow.pyfunc.scoring_server.init", "model"
    ),
}
