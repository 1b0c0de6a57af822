"""What reads input of others, each as a function of generated input that may only raise InputError.

A target gets a number and an empty folder; it makes its input from the number alone.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import yaml

from model.data.datasets import AssociationDataset
from model.data.user_data import load_user_folder
from model.errors import InputError
from model.evaluation.folds_file import FoldsFile, read_folds
from model.evaluation.groups import chosen_protocol
from model.evaluation.predictions_file import evaluate_predictions
from model.evaluation.protocols import PROTOCOLS
from search_spaces.loading import load_space, shipped_spaces
from tests.fuzz.inputs import PIECES, as_json, changed, edited

ROOT = Path(__file__).resolve().parents[2]
Target = Callable[[Random, Path], object]


def data_folder(random: Random, folder: Path) -> object:
    """Associations, similarities and names, as text, .npy and under wrong names."""
    sound = _sound_folder()
    for name, content in sound.items():
        (folder / name).write_bytes(content)
    name = random.choice(sorted(sound))
    match random.randrange(8):
        case 0:
            (folder / name).unlink()
        case 1:
            (folder / name).unlink()
            (folder / name).mkdir()
        case 2:
            square = np.eye(random.choice((0, 1, 12)), dtype=random.choice(("f4", "f8", "O", "U3")))
            buffer = io.BytesIO()
            random.choice((np.save, np.savez))(buffer, square)
            content = edited(buffer.getvalue(), random) if random.random() < 0.7 else b""
            (folder / name).unlink()
            (folder / f"{Path(name).stem}.npy").write_bytes(content)
        case _:
            (folder / name).write_bytes(edited(sound[name], random))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_user_folder(folder)


def groups(random: Random, folder: Path) -> object:
    """Near-copies that no split may part."""
    sound = "name,group\n" + "".join(f"mir-{i},g{i % 3}\n" for i in range(12))
    (folder / "groups.csv").write_bytes(edited(sound.encode(), random))
    return chosen_protocol("honest", folder / "groups.csv", _small())


def folds(random: Random, folder: Path) -> object:
    """A file of folds."""
    sound = _folds()
    content = (
        as_json(changed(json.loads(sound), random))
        if random.random() < 0.5
        else edited(sound, random)
    )
    (folder / "folds.json").write_bytes(content)
    read = read_folds(folder / "folds.json")
    return [*read.to_folds()] if hasattr(read, "to_folds") else [one.train for one in read.folds]


def predictions(random: Random, folder: Path) -> object:
    """Somebody's scores on exported folds."""
    read = FoldsFile.model_validate_json(_folds())
    rows = [
        f"{fold.fold},{a},{b},{random.random()}"
        for fold in read.folds
        for a, b in (*fold.held_out, *fold.ranked_against)
    ]
    sound = "\n".join(["fold,first,second,score", *rows, ""]).encode()
    (folder / "scores.csv").write_bytes(edited(sound, random))
    return evaluate_predictions(read, folder / "scores.csv")


def spaces(random: Random, folder: Path) -> object:
    """A search space."""
    name = random.choice(shipped_spaces())
    sound = (ROOT / "search_spaces" / f"{name}.yaml").read_bytes()
    (folder / "space.yaml").write_bytes(_edited_yaml(sound, random))
    return load_space(str(folder / "space.yaml")).start_points()


def cluster_files(random: Random, folder: Path) -> object:
    """A cluster file, but for the machines that it names."""
    from tuning.cluster.check.project_rules import things_to_do
    from tuning.cluster.check.rules import mistakes_of, read_cluster_file

    sound = (ROOT / random.choice(("cluster.yaml", "cluster-local.yaml"))).read_bytes()
    (folder / "cluster.yaml").write_bytes(_edited_yaml(sound, random))
    cluster = read_cluster_file(folder / "cluster.yaml")
    return mistakes_of(cluster, folder) or [*things_to_do(cluster)]


def command_lines(random: Random, folder: Path) -> object:
    """What people type, with no data set that is there: nothing can begin."""
    from tuning.cli import main

    words = [
        *(random.choice(_COMMANDS).split()),
        *(random.choice(_WORDS) for _ in range(random.randrange(5))),
    ]
    if words and random.random() < 0.2:
        words[-1] = "=".join((words[-1], random.choice(PIECES)))
    words = [word for word in words if "\0" not in word]
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    try:
        sys.argv = ["mmatune", *words]
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        if ended.code not in (0, 1, 2, None):
            raise AssertionError(f"{words}: exit code {ended.code}: {err.getvalue()}") from None
    finally:
        sys.argv = before
    said = out.getvalue() + err.getvalue()
    if "Traceback" in said or "a fault of mmatune" in said:
        raise AssertionError(f"{words}: {said}")
    return said


def scoring_requests(random: Random, folder: Path) -> object:
    """What a scoring server is asked."""
    from mlflow.exceptions import MlflowException

    sound = {"mirna": ["mir-1", "mir-2"], "small_molecule": ["sm-1", "sm-2"]}
    asked = changed(sound, random)
    try:
        frame = pd.DataFrame(asked)
    except (ValueError, TypeError, AttributeError):
        raise InputError("the server refuses what makes no table") from None
    parameters = random.choice((None, {}, {"top": 3}, changed({"top": 3}, random)))
    try:
        return _scorer().predict(None, frame, parameters if isinstance(parameters, dict) else None)
    except MlflowException as refused:
        if refused.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise InputError("refused") from refused


def records(random: Random, folder: Path) -> object:
    """The files of a study's folder: events, position, driver, plan."""
    from tuning.home import study_path
    from tuning.record.driver import driver_died, is_driven
    from tuning.record.events import events_from, pending, read_position, refused
    from tuning.record.identity import identify
    from tuning.search.resumption import read_plan

    study = study_path("fuzzed")
    shutil.rmtree(study, ignore_errors=True)
    (study / "record").mkdir(parents=True)
    (study / "ray").mkdir()
    (study / "ray" / "begun").touch()
    sound = _sound_record()
    for name, content in sound.items():
        (study / name).write_bytes(content)
    name = random.choice(sorted(sound))
    content = sound[name]
    if name.endswith(".json") and random.random() < 0.5:
        content = as_json(changed(json.loads(content), random))
    else:
        content = edited(content, random)
    (study / name).write_bytes(content)
    kinds = [event["kind"] for event, _ in events_from(study / "record")]
    seen = (
        read_position(study / "record"),
        pending(study / "record"),
        is_driven("fuzzed"),
        driver_died("fuzzed"),
    )
    refused(study / "record")
    identify("fuzzed")
    read_plan("fuzzed", _small())
    return kinds, seen


TARGETS: dict[str, Target] = {
    "data folders": data_folder,
    "groups": groups,
    "folds": folds,
    "predictions": predictions,
    "spaces": spaces,
    "cluster files": cluster_files,
    "command lines": command_lines,
    "scoring requests": scoring_requests,
    "record and lock files": records,
}

_COMMANDS = (
    *(
        "tune nowhere",
        "train nowhere",
        "baselines nowhere",
        "data check nowhere",
        "data show nowhere",
    ),
    *("study show", "study watch", "study stop", "study delete --yes", "study list", "confirm"),
    *("report", "promote", "predict", "pull", "model list", "folds export nowhere", "folds score"),
    *("cluster check", "reproduce", "serve", "server --port x", "bench", "data show nowhere", ""),
)
_WORDS = (
    *(
        "--json",
        "--help",
        "--trials",
        "--seed",
        "--name",
        "--space",
        "--protocol",
        "--metric",
        "--to",
    ),
    *(
        "--sampler",
        "--time-budget",
        "--set",
        "--gpus-per-trial",
        "--for",
        "--data",
        "--out",
        "-1",
    ),
    *(
        "0",
        "3",
        "x",
        "..",
        "/",
        "/dev/null",
        "a/b",
        "a:b",
        "a" * 300,
        "",
        " ",
        "training.epochs=2024-02-30",
    ),
    *(
        "mask.rate=[",
        "honest",
        "case-study:",
        "none",
        "--",
        "---",
        "--debug=1",
        "é",
        "%s",
        "[bold]",
    ),
)


def _edited_yaml(sound: bytes, random: Random) -> bytes:
    if random.random() < 0.5:
        return edited(sound, random)
    document = changed(yaml.safe_load(sound), random)
    return yaml.safe_dump(document, allow_unicode=True).encode("utf-8")


@cache
def _small() -> AssociationDataset:
    random = np.random.default_rng(0)
    associations = (random.random((12, 8)) < 0.4).astype(float)
    return AssociationDataset(
        "small",
        tuple(f"mir-{i}" for i in range(12)),
        tuple(f"sm-{j}" for j in range(8)),
        associations,
        np.eye(12),
        np.eye(8),
    )


@cache
def _sound_folder() -> dict[str, bytes]:
    """The files of a folder of one's own, by name."""
    small = _small()
    pairs = [f"{small.rows[i]},{small.columns[j]}" for i, j in np.argwhere(small.associations > 0)]

    def square(names: tuple[str, ...]) -> bytes:
        lines = [",".join(["", *names])]
        lines += [",".join([one, *(f"{one == other:g}" for other in names)]) for one in names]
        return "\n".join([*lines, ""]).encode()

    return {
        "associations.csv": "\n".join(["mirna,small_molecule", *pairs, ""]).encode(),
        "mirna_similarity.csv": square(small.rows),
        "small_molecule_similarity.csv": square(small.columns),
    }


@cache
def _folds() -> bytes:
    made = FoldsFile.of(_small(), PROTOCOLS["random"], 0)
    return made.model_dump_json().encode()


@cache
def _scorer() -> Any:
    from tuning.registry.scorer import PairScorer

    scorer, small = PairScorer(), _small()
    scorer.probability_MS = np.random.default_rng(0).random(small.associations.shape)
    scorer.known_MS = small.associations > 0
    scorer.kinds = [{**asdict(kind), "key": kind.key} for kind in small.kinds]
    scorer.rows, scorer.columns = pd.Index(small.rows), pd.Index(small.columns)
    scorer._unknown_ascending_U = np.sort(scorer.probability_MS[~scorer.known_MS])
    return scorer


@cache
def _sound_record() -> dict[str, bytes]:
    from tuning.home import study_folder
    from tuning.plan import StudyPlan
    from tuning.search.resumption import save_plan

    plan = StudyPlan("fuzzed", _small(), PROTOCOLS["random"], "full", load_space("full"), 3)
    study_folder("fuzzed")
    save_plan(plan)
    events = [
        {"kind": "open", "run": "a", "tags": {"kind": "trial"}, "time": 1, "params": {}},
        {"kind": "metrics", "run": "a", "step": 5, "time": 2, "values": {"auc": 0.5}},
        {"kind": "close", "run": "a", "status": "FINISHED", "time": 3},
    ]
    driver = {"host": "elsewhere", "process": 1, "started": 0.0}
    return {
        "plan.json": (study_folder("fuzzed") / "plan.json").read_bytes(),
        "driver.json": as_json(driver),
        "driver.lock": b"",
        "record/events.jsonl": b"".join(as_json(event) + b"\n" for event in events),
        "record/position.json": as_json({"offset": 3, "runs": {"a": "b"}}),
        "record/refused.jsonl": as_json({"events": events[:1], "error": "no"}) + b"\n",
    }
