"""Fetching PTB-XL from a server that breaks off, forgets ranges and alters files."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from training.download import SUMS, DownloadError, Remote, download, fetch, main, parse_sums

FILES = {
    "ptbxl_database.csv": b"ecg_id\n1\n",
    "records100/00000/00001_lr.dat": bytes(range(256)) * 800,
    "records100/00000/00001_lr.hea": b"00001_lr 12 100 1000\n",
    "records500/00000/00001_hr.dat": b"five hundred",
    "example_physionet.py": b"not wanted",
}
DAT = "records100/00000/00001_lr.dat"


class Server(ThreadingHTTPServer):
    """Serves FILES and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.sums = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
        self.ranges = True
        self.break_after: dict[str, list[int]] = {}
        self.status: dict[str, list[int]] = {}
        self.asked: list[tuple[str, str | None]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/files/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.removeprefix("/files/")
        wanted = self.headers.get("Range")
        self.server.asked.append((name, wanted))
        if self.server.status.get(name):
            return self.send_error(self.server.status[name].pop(0))
        sums = "".join(f"{digest} {path}\n" for path, digest in self.server.sums.items())
        data = sums.encode() if name == SUMS else self.server.files.get(name)
        if data is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(data) > 0:
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop = self.server.break_after[name].pop(0) if self.server.break_after.get(name) else len(data)
        self.wfile.write(data[start:stop])
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server: Server, out: Path, **options: object) -> int:
    return download(out, base=server.base, wait_s=0.0, quiet=True, **options)  # type: ignore[arg-type]


def test_fetches_the_wanted_files_once(server: Server, tmp_path: Path) -> None:
    assert get(server, tmp_path) == 3
    found = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found.pop(SUMS)
    assert found == {name: data for name, data in FILES.items() if "500" not in name and "example" not in name}
    server.asked.clear()
    assert get(server, tmp_path) == 0
    assert server.asked == [(SUMS, None)]
    assert get(server, tmp_path, fs=500) == 1


def test_a_broken_connection_is_continued_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.break_after[DAT] = [70_000, 150_000]
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]
    assert [r for name, r in server.asked if name == DAT] == [None, "bytes=70000-", "bytes=150000-"]


def test_a_killed_run_is_continued(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{DAT}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(FILES[DAT][:1000])
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]
    assert (DAT, "bytes=1000-") in server.asked and not part.exists()


def test_a_part_that_is_whole_needs_nothing_more(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{DAT}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(FILES[DAT])
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.break_after[DAT] = [70_000]
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]


def test_a_part_of_another_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{DAT}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"something else")
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]


def test_an_altered_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.files[DAT] = b"altered"
    with pytest.raises(DownloadError, match=r"00001_lr\.dat has sha256 .* the file was altered"):
        get(server, tmp_path)
    assert not (tmp_path / DAT).exists() and not list(tmp_path.rglob("*.dat.part"))
    assert not (tmp_path / SUMS).exists()
    server.files[DAT] = FILES[DAT]
    get(server, tmp_path)
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]


def test_an_altered_file_on_disk_is_fetched_again(server: Server, tmp_path: Path) -> None:
    get(server, tmp_path)
    (tmp_path / DAT).write_bytes(b"bit rot")
    assert get(server, tmp_path) == 1
    assert (tmp_path / DAT).read_bytes() == FILES[DAT]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server: Server, tmp_path: Path) -> None:
    server.status[DAT] = [503, 429]
    get(server, tmp_path / "a")
    assert (tmp_path / "a" / DAT).is_file()
    del server.files[DAT]
    server.asked.clear()
    with pytest.raises(DownloadError, match="answered 404"):
        get(server, tmp_path / "b", connections=1)
    assert [name for name, _ in server.asked].count(DAT) == 1


def test_it_gives_up_with_words_after_so_many_tries(server: Server, tmp_path: Path) -> None:
    server.break_after[DAT] = [0] * 10
    with pytest.raises(DownloadError, match=r"broke off 3 times .* run the same command again"):
        fetch(Remote(DAT, server.sums[DAT]), server.base, tmp_path, tries=3, wait_s=0.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("00ff records100/x", "expected a sha256"),
        (f"{'0' * 64} ../../etc/passwd", "expected a sha256 and a path below"),
        (f"{'0' * 64} /etc/passwd", "expected a sha256 and a path below"),
        (f"{'0' * 64} README", "lists no files in records100"),
    ],
)
def test_strange_checksum_files_are_refused(line: str, message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        parse_sums(line + "\n", 100)


def test_command(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--base", server.base]) == 0
    assert "complete, 3 files fetched" in capsys.readouterr().out
    assert main(["--out", str(tmp_path), "--base", "file:///etc/"]) == 1
    assert "Expected an http or https address" in capsys.readouterr().err
