"""The files in drops/: which are seen, when they are settled, what they contain."""

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.home import Home
from retail_pipeline.ingest import drops
from retail_pipeline.ingest.drops import content_hash, list_drops, settled_drops
from retail_pipeline_tests.stores import write_drop


def names(home: Home) -> list[str]:
    return [drop.name for drop in list_drops(home)]


def test_files_are_found_in_folders_too_and_sorted(home: Home) -> None:
    for name in ("b.csv", "a.csv", "2024/05/c.csv"):
        write_drop(home, name, "x")
    assert names(home) == ["2024/05/c.csv", "a.csv", "b.csv"]


@pytest.mark.parametrize(
    "name", [".hidden.csv", "~$open.xlsx", "a.csv.part", "a.TMP", "a.crdownload", ".trash/a.csv", "~$x/a.csv"]
)
def test_hidden_and_unfinished_files_are_left_out(home: Home, name: str) -> None:
    write_drop(home, name, "x")
    assert names(home) == []


def test_what_is_no_file_is_left_out(home: Home) -> None:
    (home.drops / "folder.csv").mkdir()
    (home.drops / "dangling.csv").symlink_to(home.root / "nowhere")
    (home.drops / "loop.csv").symlink_to(home.drops / "loop.csv")
    os.mkfifo(home.drops / "pipe.csv")
    assert names(home) == []


def test_a_link_to_a_file_is_a_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("x")
    (home.drops / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert names(home) == ["link.csv"]


def test_a_name_that_is_no_text_gets_a_mark(home: Home) -> None:
    write_drop(home, b"caf\xe9.csv".decode("utf-8", "surrogateescape"), "x")
    assert names(home) == ["caf\ufffd.csv"]


def test_a_file_is_settled_once_it_has_not_changed_for_so_long(home: Home) -> None:
    write_drop(home, "old.csv", "x")
    (home.drops / "new.csv").write_text("x")
    settled, growing = settled_drops(home, settle_seconds=30, wait_seconds=0)
    assert ([drop.name for drop in settled], [drop.name for drop in growing]) == (["old.csv"], ["new.csv"])


def test_waiting_lets_a_file_settle(home: Home) -> None:
    (home.drops / "new.csv").write_text("x")
    settled, growing = settled_drops(home, settle_seconds=0.3, wait_seconds=30)
    assert ([drop.name for drop in settled], growing) == (["new.csv"], [])


@pytest.mark.parametrize("seconds", [100, 1_000_000])
def test_a_time_in_the_future_does_not_hold_a_file_back(home: Home, seconds: int) -> None:
    path = home.drops / "a.csv"
    path.write_text("x")
    os.utime(path, (time.time() + seconds, time.time() + seconds))
    (drop,) = list_drops(home)
    assert drop.age_seconds(drop.changed_ns + 3_000_000_000) == 3


def test_a_file_that_is_being_written_is_not_settled(home: Home) -> None:
    path = home.drops / "slow.csv"
    stop = threading.Event()

    def write() -> None:
        with path.open("w") as file:
            while not stop.wait(0.05):
                file.write("line\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        settled, growing = settled_drops(home, settle_seconds=10, wait_seconds=0.5)
    finally:
        stop.set()
        writer.join()
    assert (settled, [drop.name for drop in growing]) == ([], ["slow.csv"])
    assert [drop.name for drop in settled_drops(home, settle_seconds=0.2, wait_seconds=10)[0]] == ["slow.csv"]


def test_a_file_knows_whether_it_was_written_to_replaced_or_taken_away(home: Home) -> None:
    path = write_drop(home, "a.csv", "one")
    (drop,) = list_drops(home)
    assert drop.is_unchanged()
    write_drop(home, "a.csv", "two")  # of the same size, and its time of change set back
    assert not drop.is_unchanged()
    (drop,) = list_drops(home)
    write_drop(home, "b.csv", "six").replace(path)
    assert not drop.is_unchanged()
    path.unlink()
    assert not drop.is_unchanged()


@given(
    content=st.binary(max_size=40),
    prefixes=st.lists(st.integers(1, 45), max_size=4),
    block=st.sampled_from([1, 3, 16, 1 << 20]),
)
def test_hashes_of_the_whole_and_of_its_first_bytes_are_those_of_hashlib(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, prefixes: list[int], block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "hashed"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drops, "BLOCK", block)
        whole, starts = content_hash(path, prefixes)
    assert whole == hashlib.sha256(content).hexdigest()
    assert starts == {
        length: hashlib.sha256(content[:length]).hexdigest() for length in prefixes if length <= len(content)
    }
