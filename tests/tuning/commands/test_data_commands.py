"""`mmatune data` as a user meets it: one document on stdout, one line for an error, exit code 2."""

import dataclasses
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.data.synthetic import demo
from model.data.user_data import load_user_folder, write_user_folder
from tests.tuning.commands_run import run_mmatune


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    return partial(run_mmatune, capfd, "data")


def _document(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("command", ["list", "show", "check", "download", "synth", "symmetrise"])
def test_help_shows_an_example(command: str, run: Any) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: mmatune data {command}" in out


def test_synth_then_check_gives_the_demos_hash(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    made = _document(run("synth", folder, "--seed", "4", "--json"))
    checked = _document(run("check", folder, "--json"))
    assert checked["ok"] is True
    assert made["data_hash"] == checked["data_hash"] == demo(4).content_hash
    assert checked["dataset"] == "mine"


def test_show_counts_what_is_there(run: Any) -> None:
    dataset = demo()
    summary = _document(run("show", "demo", "--json"))
    assert (summary["rows"], summary["columns"]) == (286, 39)
    rows, columns = summary["sides"]
    assert (rows["plural"], columns["plural"]) == ("miRNAs", "small molecules")
    assert summary["associations"] == int(dataset.associations.sum())
    assert summary["density"] == pytest.approx(summary["associations"] / (286 * 39))
    assert (rows["twin_groups"], rows["twins"], columns["twins"]) == (31, 66, 0)
    degrees = dataset.associations.sum(axis=0, dtype=int)
    top = columns["top"]
    assert [row["associations"] for row in top] == sorted(degrees.tolist(), reverse=True)[:8]
    for row in top:
        assert degrees[dataset.column_index(row["name"])] == row["associations"]
    code, out, err = run("show", "demo")
    assert (code, out) == (0, "")
    assert dataset.content_hash in err
    assert "66 precursors of 31 mature miRNAs" in err


def test_list_says_what_is_here(run: Any, incomplete_data: Path, home: Path) -> None:
    listed = _document(run("list", "--data-dir", incomplete_data, "--json"))
    here = {row["name"]: row for row in listed}
    assert {name: row["present"] for name, row in here.items()} == {
        "demo": True,
        "dataset1": False,
        "dataset2": True,
        "nuclear-receptors": False,
        "gpcr": False,
        "ion-channels": False,
        "enzymes": False,
        "hmdd2": False,
    }
    assert [kind["name"] for kind in here["gpcr"]["kinds"]] == ["target", "drug"]
    assert (here["gpcr"]["verified"], here["enzymes"]["verified"]) == (
        "SHA-256",
        "sizes and counts",
    )
    assert here["dataset1"]["missing"] == ["SM_feature.txt"]
    default = {row["name"]: row for row in _document(run("list", "--json"))}
    assert default["dataset2"]["folder"] == str(home / "data" / "dataset2")
    assert default["dataset2"]["present"] is False
    assert "mmatune data download dataset1" in run("list")[2]


def test_download_fetches_into_the_home(run: Any, shared_data: Path, home: Path) -> None:
    handler = partial(_Quiet, directory=str(shared_data))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{http.server_port}"
        try:
            document = _document(run("download", "dataset2", "--base-url", url, "--json"))
            code, out, err = run("download", "dataset2", "--base-url", url)
        finally:
            http.shutdown()
            thread.join()
    assert [file["status"] for file in document["files"]] == ["downloaded"] * 5
    assert (code, out) == (0, "")
    assert err.count("already there, verified") == 5
    assert _document(run("check", "dataset2", "--json"))["associations"] == 664
    assert (home / "data" / "dataset2").is_dir()


def test_bad_data_give_exit_code_2_and_one_line(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    run("synth", folder)
    with (folder / "associations.csv").open("a") as file:
        file.write("demo-mir-22-1,demo-sm-99\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    row = len((folder / "associations.csv").read_text().splitlines())
    where, message = f"{folder / 'associations.csv'}, row {row}, column 2", "'demo-sm-99'"

    code, out, err = run("check", folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {where}: unknown small molecule {message}")
    assert err.count("\n") == 1
    code, out, err = run("check", folder, "--json")
    assert (code, err) == (2, "")
    error = json.loads(out)["error"]
    assert error["where"] == where
    assert message in error["message"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("show", "datset2"), "did you mean dataset2"),
        (("show", "dataset2"), "mmatune data download dataset2"),
        (("download", "demo"), "nothing to download"),
        (("download", "dataset2", "--base-url", "nonsense"), "nonsense/dataset2"),
        (("synth", ".", "--seed", "-1"), "--seed"),
        (("check",), "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], shown: str, run: Any, home: Path
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert shown in err
    assert err.count("\n") == 1
    assert list(home.iterdir()) == []


def _folder(folder: Path, **replaced: Any) -> Path:
    """The demo as a folder, with fields of the data set replaced."""
    write_user_folder(dataclasses.replace(demo(), **replaced), folder)
    return folder


def _gip() -> np.ndarray:
    profiles = demo().associations.astype(float)
    distance = ((profiles[:, None] - profiles[None]) ** 2).sum(axis=2)
    return np.exp(-distance / profiles.sum(axis=1).mean())


class TestFitness:
    """What `check` refuses, `tune` and `tune --plan` refuse too, before there is a study."""

    FAULTS = (
        ("leak", {"row_similarity": _gip()}, "is the Gaussian interaction profile kernel"),
        ("percent", {"row_similarity": 100 * demo().row_similarity}, "looks like percent"),
        ("v2@home", {}, "the name 'v2@home' cannot be a registered model's: @"),
        ("a:b%41", {}, "the name 'a:b%41' cannot be a registered model's: % :"),
    )

    @pytest.mark.parametrize(("name", "replaced", "words"), FAULTS, ids=[row[0] for row in FAULTS])
    def test_faults(
        self,
        name: str,
        replaced: dict[str, Any],
        words: str,
        run: Any,
        capfd: pytest.CaptureFixture[str],
        tmp_path: Path,
        home: Path,
    ) -> None:
        folder = _folder(tmp_path / name, **replaced)
        for result in (
            run("check", folder),
            run_mmatune(capfd, "tune", folder),
            run_mmatune(capfd, "tune", folder, "--plan"),
        ):
            code, out, err = result
            assert (code, out) == (2, "")
            lines = [line for line in err.splitlines() if line.startswith("error: ")]
            assert len(lines) == 1
            assert words in lines[0]
        assert list(home.iterdir()) == []
        error = json.loads(run("check", folder, "--json")[1])["error"]
        assert words in error["message"]

    def test_faults_come_together(self, run: Any, tmp_path: Path) -> None:
        replaced = {
            "row_similarity": 100 * _gip(),
            "column_similarity": np.zeros((39, 39)),
        }
        code, out, _ = run("check", _folder(tmp_path / "a:b", **replaced), "--json")
        document = json.loads(out)
        assert code == 2
        assert "cannot be a registered model's" in document["error"]["message"]
        assert ["Gaussian" in document["others"][0]["message"], len(document["others"])] == [
            True,
            3,
        ]
        assert document["untold"] == 0

    def test_warnings_and_protocols(self, run: Any, tmp_path: Path) -> None:
        associations = np.zeros_like(demo().associations)
        associations[:3, :2] = 1
        similarity = np.array(demo().row_similarity)
        similarity[3, 5] = similarity[5, 3] = -0.5
        folder = _folder(tmp_path / "few", associations=associations, row_similarity=similarity)
        document = json.loads(run("check", folder, "--json")[1])
        assert [line.partition(": ")[2][:20] for line in document["warnings"]] == [
            "values go down to -0"
        ]
        unusable = document["unusable_protocols"]
        assert set(unusable) == {"paper-10-fold", "warm", "cold-rows", "cold-columns"}
        assert unusable["cold-columns"] == ("2 groups of associations do not fill 5 folds")
        code, _, err = run("check", folder)
        assert code == 0
        assert "warning: the protocol cold-rows cannot be used: 3 groups" in err
        assert "protocols that can be used: honest, random, paper, " in err

    def test_data_that_no_protocol_can_split(self, run: Any, tmp_path: Path) -> None:
        associations = np.zeros_like(demo().associations)
        associations[:2, 0] = 1
        code, _, err = run("check", _folder(tmp_path / "two", associations=associations))
        assert code == 2
        assert "no protocol can split these data: 2 groups" in err

    def test_the_folder_beside_is_mentioned(
        self, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _folder(tmp_path / "demo")
        monkeypatch.chdir(tmp_path)
        err = run("show", "demo")[2]
        assert err.startswith("warning: demo is here the data set that mmatune brings")
        assert "write ./demo for the folder" in err
        assert "warning" not in run("show", "./demo")[2]


def test_symmetrise_writes_the_mean(run: Any, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine")
    path = folder / "small_molecule_similarity.csv"
    rows = path.read_text().splitlines()
    cells = rows[1].split(",")
    rows[1] = ",".join([*cells[:2], str(float(cells[2]) + 0.125), *cells[3:]])
    path.write_text("\n".join(rows))
    code, _, err = run("check", folder)
    assert code == 2
    assert "row 2, column 3: not symmetric" in err
    assert "mmatune data symmetrise" in err
    made = _document(run("symmetrise", folder, tmp_path / "new", "--json"))
    checked = _document(run("check", tmp_path / "new", "--json"))
    assert made["data_hash"] == checked["data_hash"]
    written = load_user_folder(tmp_path / "new").column_similarity
    expected = demo().column_similarity[0, 1] + 0.0625
    assert written[0, 1] == pytest.approx(expected, abs=1e-12)
    code, _, err = run("symmetrise", folder, folder)
    assert (code, "not an empty folder" in err) == (2, True)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
