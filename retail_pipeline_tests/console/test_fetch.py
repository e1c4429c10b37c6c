"""``retail fetch`` against a server of our own: whole, in pieces, wrong, gone."""

import contextlib
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner, Result

from retail_pipeline.cli import main
from retail_pipeline.console import fetch
from retail_pipeline.console.fetch import BLOCK, DataSet
from retail_pipeline.home import Home
from retail_pipeline_tests.stores import canonical

CONTENT = canonical([(str(n), "2024-05-01", f"C{n}", "P", "Bowl", 1, "2.50", "UK") for n in range(20_000)]).encode()
SHOP = DataSet("online-retail", "A shop", "", "Shop.csv", hashlib.sha256(CONTENT).hexdigest())


@dataclass
class Server:
    """Serves ``body``; breaks off after the given bytes of the first answers; ``asked`` are the ranges asked for."""

    body: bytes
    breaks_after: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.knows_ranges else 0
            if start and start >= len(server.body):
                self.send_error(416)
                return
            if server.status != 200:
                self.send_error(server.status)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(server.body) - start))
            self.end_headers()
            limit = server.breaks_after.pop(0) if server.breaks_after else len(server.body)
            self.wfile.write(server.body[start : start + limit])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        server.url = f"http://127.0.0.1:{http.server_port}/shop.zip"
        yield server
        http.shutdown()


@pytest.fixture(autouse=True)
def _a_small_data_set(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(home.root))
    monkeypatch.setitem(fetch.DATA_SETS, "online-retail", SHOP)


def zipped(content: bytes, name: str = SHOP.file_name) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        writer.writestr(name, content)
    return archive.getvalue()


def retail_fetch(server: Server) -> Result:
    return CliRunner().invoke(main, ["fetch", "online-retail", "--from", server.url], catch_exceptions=False)


def leftovers(home: Home) -> list[str]:
    return [path.name for path in (home.work / "fetch").rglob("*") if path.is_file()]


@pytest.mark.parametrize("body", [zipped(CONTENT), CONTENT], ids=["in a zip archive", "as it is"])
def test_a_fetched_file_is_put_into_drops_once(home: Home, body: bytes) -> None:
    with serving(Server(body)) as server:
        result = retail_fetch(server)
        assert result.exit_code == 0, result.output
        assert (home.drops / "Shop.csv").read_bytes() == CONTENT
        assert "put into" in result.output
        again = retail_fetch(server)
    assert again.exit_code == 0
    assert "is there already" in again.output
    assert server.asked == [None]
    assert leftovers(home) == []


def test_a_download_that_breaks_off_goes_on_where_it_ended(home: Home) -> None:
    with serving(Server(zipped(CONTENT), breaks_after=[12 * BLOCK, 20 * BLOCK])) as server:
        assert retail_fetch(server).exit_code == 0
    assert server.asked == [None, f"bytes={12 * BLOCK}-", f"bytes={32 * BLOCK}-"]
    assert (home.drops / "Shop.csv").read_bytes() == CONTENT


def test_what_was_downloaded_before_it_broke_off_for_good_is_kept_for_the_next_call(home: Home) -> None:
    with serving(Server(zipped(CONTENT), breaks_after=[6 * BLOCK + 1, 1, 1, 1])) as server:
        result = retail_fetch(server)
        assert result.exit_code == 1
        assert "the same command goes on from there" in result.output
        assert retail_fetch(server).exit_code == 0
        assert server.asked[-1] == f"bytes={6 * BLOCK}-"
    assert (home.drops / "Shop.csv").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start(home: Home) -> None:
    with serving(Server(zipped(CONTENT), breaks_after=[100_000], knows_ranges=False)) as server:
        assert retail_fetch(server).exit_code == 0
    assert (home.drops / "Shop.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "body",
    [
        zipped(CONTENT[:-1]),
        CONTENT[:-1],
        b"<html>log in first</html>",
        zipped(CONTENT, "other.csv"),
        zipped(CONTENT).replace(b"Bowl", b"Bowk", 1),
    ],
    ids=["another file", "another file, not packed", "a page", "another name", "damaged"],
)
def test_what_is_not_the_data_set_is_thrown_away(home: Home, body: bytes) -> None:
    with serving(Server(body)) as server:
        result = retail_fetch(server)
    assert result.exit_code == 1
    assert "is not A shop" in result.output
    assert SHOP.sha256 in result.output.replace("\n", "")
    assert list(home.drops.iterdir()) == []
    assert leftovers(home) == []


def test_an_error_of_the_server_is_told(home: Home) -> None:
    with serving(Server(b"", status=503)) as server:
        result = retail_fetch(server)
    assert result.exit_code == 1
    assert "503" in result.output
    assert server.asked == [None]


def test_offline_is_told_in_words(home: Home) -> None:
    result = retail_fetch(Server(b"", url="http://127.0.0.1:1/shop.zip"))
    assert result.exit_code == 1
    assert "are you offline" in result.output
    assert "retail add" in result.output


def test_the_data_set_is_the_published_one() -> None:
    real = fetch.ONLINE_RETAIL
    assert real.sha256 == "43465a06f2ccf7c8b5bd2892bc7defb52f97487934fe93b16ae4c3936424676d"
    assert real.url.startswith("https://archive.ics.uci.edu/")
