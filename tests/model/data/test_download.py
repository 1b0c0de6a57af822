"""Downloads from a server on this machine that can drop, ignore, tamper and refuse."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from model.data.download import download
from model.data.upstream import PUBLISHED, load_published
from model.errors import InputError

BIG = "miRNA_feature.txt"  # 560 kB; the order of the files is names, associations, similarities


@dataclass
class Server:
    """What the server does, and what it was asked: (file name, Range header or None)."""

    url: str = ""
    cut_after: int | None = None  # bytes of BIG's content, then the connection drops
    ignores_range: bool = False
    shifts_range: bool = False
    tampers: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server(incomplete_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = incomplete_data / unquote(self.path).lstrip("/")
            asked = self.headers.get("Range")
            state.asked.append((path.name, asked))
            if not path.is_file():
                return self.send_error(404)
            content = path.read_bytes()
            if state.tampers:
                content = content[:-1] + b"?"
            start = 0
            if asked and not state.ignores_range:
                start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
                if start >= len(content):
                    return self.send_error(416)
                start -= state.shifts_range
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/*")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = state.cut_after if path.name == BIG else None
            self.wfile.write(content[start:stop])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def _parts(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_dataset2_comes_whole_and_once(server: Server, shared_data: Path, tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int | None]]] = {}
    done = download(
        "dataset2",
        tmp_path,
        base_url=server.url + "/",
        on_progress=lambda name, received, total: seen.setdefault(name, []).append(
            (received, total)
        ),
    )
    assert set(done.values()) == {"downloaded"}
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")
    assert len(load_published(PUBLISHED["dataset2"], tmp_path).association_pairs) == 664
    assert len(seen) == 5
    size = (shared_data / "dataset2" / BIG).stat().st_size
    assert len(seen[BIG]) > 1
    assert seen[BIG][-1] == (size, size)

    server.asked.clear()
    again = download("dataset2", tmp_path, base_url=server.url)
    assert set(again.values()) == {"already there"}
    assert server.asked == []


def test_a_cut_transfer_goes_on_where_it_stopped(
    server: Server, shared_data: Path, tmp_path: Path
) -> None:
    server.cut_after = 300_000
    with pytest.raises(InputError, match="connection was lost") as raised:
        download("dataset2", tmp_path, base_url=server.url)
    assert raised.value.where == f"{server.url}/dataset2/{BIG}"
    assert _parts(tmp_path) == [BIG + ".part"]
    assert not (tmp_path / "dataset2" / BIG).exists()
    have = (tmp_path / "dataset2" / (BIG + ".part")).stat().st_size
    assert 0 < have <= 300_000

    server.cut_after = None
    server.asked.clear()
    download("dataset2", tmp_path, base_url=server.url)
    assert server.asked == [(BIG, f"bytes={have}-"), ("SM_feature.txt", None)]
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")


@pytest.mark.parametrize(
    ("fault", "requests"),
    [("ignores_range", ["bytes=1000-"]), ("shifts_range", ["bytes=1000-", None])],
)
def test_a_server_that_cannot_resume_sends_it_all(
    fault: str, requests: list[str | None], server: Server, shared_data: Path, tmp_path: Path
) -> None:
    setattr(server, fault, True)
    _leave_part(tmp_path, (shared_data / "dataset2" / BIG).read_bytes()[:1000])
    download("dataset2", tmp_path, base_url=server.url)
    assert [asked for name, asked in server.asked if name == BIG] == requests
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")


def test_a_part_that_is_too_long_starts_over(
    server: Server, shared_data: Path, tmp_path: Path
) -> None:
    _leave_part(tmp_path, b"0" * 600_000)
    download("dataset2", tmp_path, base_url=server.url)
    assert [asked for asked in server.asked if asked[0] == BIG] == [
        (BIG, "bytes=600000-"),
        (BIG, None),
    ]
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")


def test_a_part_that_is_whole_is_not_fetched(
    server: Server, shared_data: Path, tmp_path: Path
) -> None:
    _leave_part(tmp_path, (shared_data / "dataset2" / BIG).read_bytes())
    download("dataset2", tmp_path, base_url=server.url)
    assert BIG not in [name for name, _ in server.asked]
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.tampers = True
    with pytest.raises(InputError, match=r"wrong checksum [0-9a-f]{40}, published is bc65941abb"):
        download("dataset2", tmp_path, base_url=server.url)
    assert list((tmp_path / "dataset2").iterdir()) == []


def test_a_damaged_file_is_replaced(server: Server, shared_data: Path, tmp_path: Path) -> None:
    download("dataset2", tmp_path, base_url=server.url)
    (tmp_path / "dataset2" / BIG).write_text("damaged")
    done = download("dataset2", tmp_path, base_url=server.url)
    assert [name for name, status in done.items() if status == "downloaded"] == [BIG]
    assert _content(tmp_path / "dataset2") == _content(shared_data / "dataset2")


def test_a_file_the_server_lacks_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"SM_feature.txt .* 404") as raised:
        download("dataset1", tmp_path, base_url=server.url)
    assert raised.value.where == f"{server.url}/dataset1/SM_feature.txt"
    assert _parts(tmp_path) == []
    assert len(_content(tmp_path / "dataset1")) == 4


def test_offline_gives_one_line_and_writes_nothing(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}"
    with pytest.raises(InputError, match="could not be made") as raised:
        download("dataset2", tmp_path, base_url=url)
    assert raised.value.where.startswith(url)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an address") as raised:
        download("dataset2", tmp_path, base_url=url)
    assert "--base-url" in raised.value.hint


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="cannot be written") as raised:
        download("dataset2", tmp_path / "taken", base_url=server.url)
    assert str(tmp_path / "taken") in raised.value.where


def _leave_part(data_dir: Path, content: bytes) -> None:
    (data_dir / "dataset2").mkdir()
    (data_dir / "dataset2" / (BIG + ".part")).write_bytes(content)
