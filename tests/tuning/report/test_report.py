"""`mmatune report` and `mmatune promote`, on a study written to the record without Ray."""

import base64
import html
import json
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from model.data.kinds import DEFAULT_KINDS
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.calibration import Calibration, Reliability, ReliabilityBin
from model.evaluation.groups import chosen_protocol
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation
from search_spaces.schema import SearchSpace
from tests.deployment.browser import CHROMIUM, FLAGS
from tests.deployment.conftest import from_debian
from tuning.commands.promote import promote
from tuning.commands.report import report
from tuning.ending import Ending
from tuning.home import artifact_root, data_folder
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.finished_study import read_study
from tuning.record.study_record import StudyRecord
from tuning.registry.model_card import ModelCard
from tuning.registry.versions import confirm_version, promote_version, register, resolve
from tuning.report import figures, winner
from tuning.report.curves import POINTS, fold_curves
from tuning.report.page import render, write_page
from tuning.report.reading import read_report

pytestmark = pytest.mark.heavy

SPACE = SearchSpace.model_validate(
    {
        "description": "a <b>small</b> space",
        "schedule": {"report_every": 2, "first_rung": 2, "reduction_factor": 2},
        "fixed": {"encoder.type": "gcn", "encoder.layers": 1, "encoder.norm": "none"}
        | {"training.epochs": 4},
        "search": {
            "training.learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
            "encoder.hidden_dim": {"type": "choice", "choices": [32, 64]},
            "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
        },
    }
)
RATES = (0.001, 0.002, 0.01, 0.02, 0.05)
BINS = (ReliabilityBin(90, 1, 0.01, 0.011, 0.005, 0.02), ReliabilityBin(9, 2, 0.2, 0.2, 0.1, 0.4))
CALIBRATION = Calibration(1.0, -4.0, 0.01, Reliability(0.01, 0.02, 0.01, 0.05, 0.06, 0.1, BINS))


@pytest.fixture(scope="module")
def study_home(tmp_path_factory):
    """A study: five full-budget trials, the best one really trained, and one stopped early."""
    folder, dataset = tmp_path_factory.mktemp("reported"), demo()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        plan = StudyPlan("told", dataset, HONEST, "test", SPACE, 6, 0, None)
        record = StudyRecord.create(
            mlflow_client(),
            "told",
            tags=plan.tags(),
            params={"trials": 6, "max_epochs": 4},
            artifact_location=artifact_root() / "told",
        )
        record.log_json(record.run_id, SPACE.model_dump(), "search_space.json")
        record.log_json(record.run_id, asdict(HONEST), "protocol.json")
        best = SPACE.configuration({"training.learning_rate": RATES[-1]})
        validation = CrossValidation(best, dataset, development_folds(dataset, HONEST, 0), seed=0)
        validation.train(4)
        (folder / "checkpoint").mkdir()
        validation.save(folder / "checkpoint")
        top = validation.evaluate().summary()["auc"]
        for number, rate in enumerate((*RATES, 0.0005), start=1):
            params = SPACE.configuration(
                {"training.learning_rate": rate, "encoder.hidden_dim": 32 + 32 * (number % 2)}
                if rate != RATES[-1]
                else {"training.learning_rate": rate}
            ).dotted()
            run_id = record.open_child("trial", f"trial-00{number}", params)
            final = top - 0.01 * (len(RATES) - number)
            for epoch, auc in ((2, final - 0.1), (4, final))[: 1 if number == 6 else 2]:
                metrics = {"auc": auc, "auc_sd": 0.01, "ap": auc, "seconds": float(epoch)}
                record.log_metrics(run_id, metrics, step=epoch)
            if rate == RATES[-1]:
                for file in (folder / "checkpoint").glob("*.safetensors"):
                    record.client.log_artifact(run_id, str(file), "checkpoint")
            record.close(run_id, Ending.STOPPED if number == 6 else Ending.FINISHED)
        run_id = record.open_child("baseline", "degree", {})
        record.log_metrics(run_id, {"auc": 0.5, "auc_sd": 0.01, "ap": 0.5}, step=0)
        record.close(run_id, Ending.FINISHED)
        scores = np.random.default_rng(0).random(dataset.associations.shape)
        card = ModelCard("demo", "told", HONEST, 0.8, 0.01, "For a test.", {}, CALIBRATION)
        register(record.run_id, dataset, scores, card)
        record.close(record.run_id, Ending.FINISHED)
    return folder


@pytest.fixture(autouse=True)
def same_home(study_home, monkeypatch):
    monkeypatch.setenv("MMATUNE_HOME", str(study_home))


def own_run():
    client = mlflow_client()
    experiment = client.get_experiment_by_name("told")
    (run,) = client.search_runs([experiment.experiment_id], "tags.kind = 'study'")
    return client, run.info.run_id


def confirmed(degree=0.6):
    """What a confirmation leaves behind; ``degree`` is the AUC of a baseline on fresh splits."""
    client, run_id = own_run()
    row = {"name": "trial-005", "kind": "trial", "development_auc": 0.8, "standard_error": 0.01}
    rows = [
        {**row, "confirmed_auc": 0.7777},
        {**row, "name": "degree", "kind": "baseline", "confirmed_auc": degree},
    ]
    document = {
        "study": "told",
        "rows": sorted(rows, key=lambda row: -row["confirmed_auc"]),
        "splits": 3,
        "best": "trial-005",
        "chosen": "trial-005",
        "tied": ["trial-005"],
        "comparisons": [{"name": "degree", "difference": 0.1777, "p_holm": 0.0312}],
        "chosen_comparisons": [{"name": "degree", "difference": 0.1777, "p_holm": 0.0312}],
        "winning_baselines": [],
        "sealed": None,
        "model": {"model": "demo", "version": 1, "is_champion": True, "reason": "it was"},
    }
    client.log_text(run_id, json.dumps(document), "confirmation.json")
    return client


def test_the_page_is_whole_and_needs_nothing_else(tmp_path, capsys):
    out = tmp_path / "r.html"
    report("told", out, as_json=True)
    found = json.loads(capsys.readouterr().out)
    text = out.read_text(encoding="utf-8")
    assert found["missing"].keys() == {"importance"}  # five trials would be noise
    for name in ("scores", "history", "parallel", "rungs", "roc", "precision recall", "balanced"):
        assert f'aria-label="figure: {name}"' in text
    assert text.count('aria-label="slice of ') == len(SPACE.search)
    assert len(text) < 2_000_000
    assert "Not yet confirmed" in text
    assert HONEST.in_words_of(DEFAULT_KINDS).meaning in html.unescape(text)
    assert found["data_hash"] in text
    assert found["top_pairs"][0]["mirna"] in text
    assert "a &lt;b&gt;small" in text  # names from files are text, not markup
    # Links to databases are there to be followed; nothing is loaded.
    assert not re.search(r"""(src|xlink:href|@import|url\()=?["']?(https?:)?//""", text)
    assert all(f'href="#{name}"' in text for name in re.findall(r'<h2 id="([^"]*)"', text))
    saved = base64.b64decode(re.search(r'href="data:text/csv[^,]*,([^"]*)"', text)[1]).decode()
    header, first = saved.splitlines()[:2]
    assert header.startswith("rank,mirna,small_molecule,probability,known")
    assert found["top_pairs"][0]["mirna"] in first
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]


def test_of_an_older_record_only_full_budget_trials_are_spoken_for():
    found = read_report("told", None, data_folder())
    assert found["importance"] is None
    assert found["rungs"] == [{"epoch": 2, "reached": 6, "stopped": 1}]
    (audit,) = found["fidelity"]
    assert (audit["trials"], audit["rank_correlation"]) == (len(RATES), pytest.approx(1))
    assert found["winner"]["name"] == "trial-005"
    curves = found["curves"]["folds"]
    assert len(curves) == HONEST.folds
    assert np.mean([fold["auc"] for fold in curves]) == pytest.approx(found["winner"]["auc"])


def test_trials_that_run_still_come_last_in_the_history():
    found = read_report("told", None, data_folder())
    open_now = [{**one, "ended": None, "status": "running"} for one in found["trials"][:2]]
    told = {**found, "trials": [*open_now, *found["trials"][2:]]}
    lines = {one.get_label(): one for one in figures.history(told).axes[0].lines}
    assert min(lines["running"].get_xdata()) > max(lines["finished"].get_xdata())
    assert "running" in render(told)


def test_a_stopped_trial_may_win_and_its_chosen_epoch_is_marked():
    found = read_report("told", None, data_folder())
    assert [one["ranked"] for one in found["trials"]] == [True] * 5 + [False]  # an older record
    stopped = {**found["trials"][5], "ranked": True, "chosen": 2, "auc": 0.99}
    winner = {**found["rows"][0], "name": stopped["name"], "epoch": 2, "ended": "stopped early"}
    told = {**found, "trials": [*found["trials"][:5], stopped], "winner": winner}
    told["rows"] = [winner, *found["rows"]]
    lines = figures.rungs(told).axes[0].lines
    (star,) = [one for one in lines if "chosen" in str(one.get_label())]
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([2], [0.99])
    assert max(figures.history(told).axes[0].lines[0].get_ydata()) == 0.99
    page = " ".join(render(told).split())
    assert "2†" in page
    assert "after 4 epochs, where its last checkpoint was written; the chosen epoch is 2" in page


def test_the_curves_of_a_winner_whose_chosen_epoch_is_not_its_last(monkeypatch):
    study = read_study("told", None, data_folder())
    best = study.candidates[0]
    at = Configuration.from_dotted({**best.configuration.dotted(), "training.epochs": 2})
    early = replace(study, candidates=(replace(best, configuration=at),))
    monkeypatch.setattr(winner, "read_study", lambda *arguments: early)
    missing = {}
    found = winner.try_curves("told", {"name": best.name}, None, data_folder(), None, missing)
    assert missing == {}
    assert found["epoch"] == 4  # of the last checkpoint


def test_curves_are_those_of_the_scores():
    # One of two held-out associations is above all unknown pairs, one below two of the four.
    curve = fold_curves(np.array([0.9, 0.4]), np.array([0.5, 0.6, 0.1, 0.2]), balance="1:1")
    assert curve["auc"] == pytest.approx(0.75)
    assert dict(zip(curve["fpr"], curve["tpr"], strict=True))[0.5] == 1.0
    # At 1:1 all 2 and 2 of 4 weigh 1 and 1/2.
    at = curve["recall"].index(1.0)
    assert max(p for r, p in zip(curve["recall"], curve["precision"], strict=True) if r == 1) == (
        pytest.approx(2 / 3, abs=1e-4)
    ), at
    rng = np.random.default_rng(0)
    large = fold_curves(rng.random(500), rng.random(9000), balance="1:1")
    assert len(large["fpr"]) <= POINTS
    assert (large["fpr"][-1], large["tpr"][-1]) == (1, 1)


def test_a_confirmed_study_shows_its_confirmed_score_and_may_be_promoted(tmp_path, capsys):
    with pytest.raises(InputError, match="is not confirmed"):
        promote("told")
    client = confirmed()
    with pytest.raises(InputError, match="interrupted"):
        promote("told")
    write_page(read_report("told", None, data_folder()), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "0.7777" in text
    assert "+0.1777 from degree, the best baseline (paired, p 0.031)" in " ".join(text.split())
    said = "trial-005 is 0.1777 AUC ahead of degree, the best baseline (p 0.031)"
    assert f'<p class="verdict">{said}; 3 fresh splits tell them apart' in text
    table = text[text.index("on fresh splits</th>") :]
    assert "-0.1777" in table  # of the baseline's own row: plus is better
    assert "Not yet confirmed" not in text
    confirm_version("demo", 1, {"fresh_auc": "0.7777", "fresh_auc_se": "0.01"})
    client.delete_registered_model_alias("demo", "champion")
    promote("told", as_json=True)
    assert json.loads(capsys.readouterr().out)["is_champion"]
    assert int(resolve("demo@champion").version) == 1
    # A present champion that is better beyond noise stays.
    scores = np.random.default_rng(1).random(demo().associations.shape)
    card = ModelCard("demo", "other", HONEST, 0.9, 0.01, "For a test.", {}, CALIBRATION)
    register(own_run()[1], demo(), scores, card)
    confirm_version("demo", 2, {"fresh_auc": "0.9", "fresh_auc_se": "0.01"})
    assert promote_version("demo", 2, ()).is_champion
    with pytest.raises(InputError, match=r"demo/1 may not be champion: version 2 stays champion"):
        promote("told")
    confirmed(degree=0.78)
    with pytest.raises(InputError, match=r"a baseline is ahead \(degree\)"):
        promote("told")
    assert int(resolve("demo").version) == 2


def test_it_says_how_to_reproduce_with_groups_of_ones_own(tmp_path):
    found = read_report("told", None, data_folder())
    (tmp_path / "mine.csv").write_text(f"name,group\n{demo().rows[0]},a b\n")
    grouped = chosen_protocol("honest", tmp_path / "mine.csv", demo())
    for protocol, data in ((HONEST, "demo"), (grouped, "my data")):
        groups = None if protocol is HONEST else [list(pair) for pair in protocol.grouping]
        parts = {"name": protocol.name, "meaning": protocol.meaning, "groups": groups}
        write_page({**found, "protocol": parts, "dataset": data}, tmp_path / "r.html")
        page = html.unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
        (line,) = re.findall(r"mmatune tune .*", page)
        words = shlex.split(line)
        assert words[2:5] == [data, "--protocol", "honest"]
        assert ("--groups" in words) == (protocol is grouped)
        again = "'my data' --from-run" if data == "my data" else "train --from-run"
        assert f"{again} told/trial-005" in page
    (link,) = re.findall(r'download="groups.csv" href="data:[^,]*,([^"]*)"', page)
    assert words[words.index("--groups") + 1] == "groups.csv"
    (tmp_path / "groups.csv").write_bytes(base64.b64decode(link))
    assert chosen_protocol("honest", tmp_path / "groups.csv", demo()) == grouped


def test_bad_input_is_one_line(tmp_path):
    for command in (report, promote):
        with pytest.raises(InputError, match="there is no study 'nothing'"):
            command("nothing")
    for out in (tmp_path, tmp_path / "no" / "r.html"):
        with pytest.raises(InputError, match="--out"):
            report("told", out)


def test_an_interrupted_write_leaves_the_old_page(tmp_path, monkeypatch):
    out = tmp_path / "r.html"
    out.write_text("old")

    def cut(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tuning.report.page.os.replace", cut)
    with pytest.raises(KeyboardInterrupt):
        write_page(read_report("told", None, data_folder()), out)
    assert out.read_text() == "old"
    assert [one for one in Path(tmp_path).iterdir()] == [out]


def test_it_fits_every_screen_and_paper(tmp_path):
    """At three widths nothing sticks out, dark is dark, and no figure is cut by a page's end."""
    from playwright.sync_api import sync_playwright

    from_debian("chromium", "chromium")
    out = tmp_path / "r.html"
    write_page(read_report("told", None, data_folder()), out)
    opened = "document.querySelectorAll('details').forEach(one => { one.open = true })"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            for width, scheme in ((390, "light"), (800, "light"), (1280, "dark")):
                size = {"width": width, "height": 800}
                page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
                faults, asked = [], []
                page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                page.goto(out.as_uri())
                page.evaluate(opened)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert faults == []
                assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
                ink = page.evaluate("getComputedStyle(document.body).color")
                assert (int(re.search(r"\d+", ink)[0]) > 128) == (scheme == "dark")
            page.emulate_media(media="print")
            whole = "one => getComputedStyle(one).breakInside"
            figures_there = page.locator("svg[role=img]")
            assert figures_there.count() > 6
            broken = [one.evaluate(whole) for one in figures_there.all()]
            assert set(broken) == {"avoid"}
            assert page.evaluate("getComputedStyle(document.querySelector('h2')).breakAfter") == (
                "avoid"
            )
        finally:
            browser.close()
