"""Public sets that are imported on arrival: from a server on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from model.data.catalogue import load, published_dataset
from model.data.download import download
from model.data.importing.choices import Choices
from model.data.importing.public_sets import PUBLIC, PublicDataset, PublicFile
from model.errors import InputError
from tests.model.data.importing.network import NAMED, SIMILARITIES, text

FILES = {**SIMILARITIES, "more/known pairs.csv": text([("gene", "drug"), *NAMED], ",")}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, content in FILES.items():
        path = tmp_path / "server" / "made-up" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    with _served(tmp_path / "server") as url:
        yield url


def _made_up(
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_known: bool = True,
    size: tuple[int, int, int] = (5, 3, 6),
    base_url: str = "",
) -> None:
    files = tuple(
        PublicFile(name, hashlib.sha256(content.encode()).hexdigest() if is_known else None)
        for name, content in FILES.items()
    )
    made = PublicDataset(
        "made-up", "genes and drugs", ("gene", "drug"), size, base_url, files, Choices()
    )
    monkeypatch.setitem(PUBLIC, "made-up", made)


@pytest.mark.parametrize("is_known", [True, False])
def test_it_comes_once_and_is_imported(
    is_known: bool, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made_up(monkeypatch, is_known=is_known, base_url=f"{server}/made-up")
    with pytest.raises(InputError, match="made-up is not here") as raised:
        load("made-up", tmp_path / "data")
    assert "mmatune data download made-up" in raised.value.hint
    done = download("made-up", tmp_path / "data")
    assert done == {
        "gene_similarity.csv": "downloaded",
        "drug_similarity.csv": "downloaded",
        "known pairs.csv": "downloaded",
    }
    dataset = load("made-up", tmp_path / "data")
    assert (dataset.name, len(dataset.association_pairs)) == ("made-up", 6)
    again = download("made-up", tmp_path / "data")
    assert set(again.values()) == {"already there"}
    assert load("made-up", tmp_path / "data").content_hash == dataset.content_hash


def test_another_address(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made_up(monkeypatch, base_url="http://127.0.0.1:9/none")
    download("made-up", tmp_path / "data", base_url=server + "/")
    assert len(load("made-up", tmp_path / "data").rows) == 5


def test_a_wrong_checksum_leaves_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made_up(monkeypatch, base_url=f"{server}/made-up")
    (tmp_path / "server" / "made-up" / "gene_similarity.csv").write_text("tampered")
    with pytest.raises(InputError, match="wrong checksum"):
        download("made-up", tmp_path / "data")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("content", ["gene,drug\nBRCA1,taxol\n", "cut off\n\0"])
def test_without_checksums_the_counts_decide(
    content: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong goes, so that the next call gets it anew."""
    _made_up(monkeypatch, is_known=False, base_url=f"{server}/made-up")
    known = tmp_path / "server" / "made-up" / "more" / "known pairs.csv"
    good = known.read_text()
    known.write_text(content)
    with pytest.raises(InputError, match=r"5 x 3 pairs and 1 assoc|is no text"):
        download("made-up", tmp_path / "data")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []
    known.write_text(good)
    download("made-up", tmp_path / "data")
    assert len(load("made-up", tmp_path / "data").association_pairs) == 6


def test_the_catalogue_says_where_and_how_much() -> None:
    assert set(PUBLIC) >= {"nuclear-receptors", "gpcr", "ion-channels", "enzymes", "hmdd2"}
    for name, public in PUBLIC.items():
        assert published_dataset(name) is public
        assert public.base_url.startswith("https://raw.githubusercontent.com/")
        assert " " not in public.base_url
        assert public.choices.kinds == public.kinds
        for file in public.files:
            assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
    assert not PUBLIC["enzymes"].is_verified


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "folder", "data_hash"),
    [
        ("nuclear-receptors", "yamanishi_nr", "0cb85a65"),
        ("gpcr", "yamanishi_gpcr", "0cb63325"),
        ("hmdd2", "hmdd2", ""),
    ],
)
def test_the_real_files(
    name: str,
    folder: str,
    data_hash: str,
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    theirs = shared_data / "foreign" / folder
    if not theirs.is_dir():
        pytest.skip(f"there is no {theirs}")
    for file in PUBLIC[name].files:
        path = tmp_path / "server" / name / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(theirs / file.name)
    with _served(tmp_path / "server") as url:
        download(name, tmp_path / "data", base_url=url)
    dataset = load(name, tmp_path / "data")
    sizes = (len(dataset.rows), len(dataset.columns), len(dataset.association_pairs))
    assert sizes == PUBLIC[name].size
    assert dataset.content_hash.startswith(data_hash)
