"""The README's pictures of MLflow, from a recorded study: `make screenshots STUDY=NAME`."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.deployment.browser import Window, window
from tests.deployment.conftest import embedded_server
from tuning.home import home
from tuning.record.client import mlflow_client
from tuning.record.leaderboard import leaderboard_rows
from tuning.record.study_record import runs_of
from tuning.record.views import LEADERBOARD, view_path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
WIDTH, COLOURS = 1200, 64  # pixels; enough to read, and under 200 kB


def take(shown: Window, name: str) -> None:
    """What the window shows as docs/screenshots/NAME.png, small."""
    shown.page.wait_for_timeout(5000)  # charts are drawn in steps; the page never stops asking
    image = Image.open(BytesIO(shown.page.screenshot())).convert("RGB")
    image = image.resize((WIDTH, image.height * WIDTH // image.width), Image.Resampling.LANCZOS)
    image.quantize(COLOURS).save(FOLDER / f"{name}.png", optimize=True)


def take_all(shown: Window, study: str) -> None:
    client: Any = mlflow_client()
    experiment = client.get_experiment_by_name(study).experiment_id
    runs = runs_of(client, experiment)
    own = next(run for run in runs if run.data.tags["kind"] == "study")
    assert leaderboard_rows(runs), f"no trial of {study} reached its full budget"

    shown.open(view_path(experiment, LEADERBOARD))
    shown.names()
    take(shown, "leaderboard")
    shown.open(view_path(experiment, LEADERBOARD, charts=True))
    shown.page.locator(".parcoords g.dimension").first.wait_for()
    take(shown, "parallel-coordinates")
    shown.open(f"#/experiments/{experiment}/runs/{own.info.run_id}?workflowType=machine_learning")
    shown.sees("Description")
    shown.page.get_by_text("Show more").first.click()
    take(shown, "study")
    shown.page.get_by_text(" beside ").first.wait_for()
    pair = shown.page.locator("a[href*='compare-runs']").first.get_attribute("href")
    shown.open(str(pair))
    shown.page.locator(".js-plotly-plot .parcoords").first.wait_for()
    take(shown, "two-runs")
    version = client.search_model_versions(f"run_id = '{own.info.run_id}'")[0]
    shown.open(f"#/models/{version.name}/versions/{version.version}?workflowType=machine_learning")
    shown.sees("What it is.")
    take(shown, "model")


def main(study: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with embedded_server(home()) as url, window(url) as shown:
        take_all(shown, study)
        assert shown.faults == []


if __name__ == "__main__":
    main(sys.argv[1])
