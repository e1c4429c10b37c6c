"""Reading the snapshot: shut off from all else, never a half, in one process or many."""

import threading
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from retail_pipeline.errors import SnapshotMissingError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline.warehouse.snapshot import current_snapshot, publish, published_version
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.stores import opened
from retail_pipeline_tests.warehouse.processes import running_process
from retail_pipeline_tests.warehouse.table_files import put

PUBLISHES = 20

READ = """
import duckdb, sys, time
from pathlib import Path
from retail_pipeline.home import Home
from retail_pipeline.warehouse.reader import open_snapshot

home = Home.locate(sys.argv[1])
ways = {
    'reader': lambda: open_snapshot(home),
    'plain': lambda: duckdb.connect(str(home.warehouse_link), read_only=True),
}
print('reading', flush=True)
versions, answers = [], 0
ended = False
while not ended:
    ended = Path(sys.argv[2]).exists() and answers >= 10
    with ways[sys.argv[3]]() as snapshot:
        for _ in range(3):
            ones, twos, tables = (
                snapshot.execute('select min(version), max(version), count(*) from raw.ones').fetchall()[0],
                snapshot.execute('select min(version), max(version), count(*) from raw.twos').fetchall()[0],
                snapshot.execute('select sum(rows) from meta.tables').fetchall()[0][0],
            )
            assert ones == twos, (ones, twos)
            assert ones[0] == ones[1] and tables == ones[2] + twos[2], (ones, twos, tables)
            answers += 1
        versions.append(ones[0])
    time.sleep(0.01)
assert versions == sorted(versions), versions
print(answers, len(set(versions)), versions[-1], flush=True)
"""


def put_version(warehouse: Warehouse, version: int) -> None:
    for table in ("raw.ones", "raw.twos"):
        put(warehouse, table, f"select {version} as version from range({1000 + version})")


def publish_first(home: Home) -> Home:
    with opened(home) as warehouse:
        put_version(warehouse, 0)
        publish(warehouse, keep=3)
    return home


@pytest.fixture
def published(home: Home) -> Home:
    return publish_first(home)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A published home that no test changes."""
    return publish_first(Home(tmp_path_factory.mktemp("settled") / "store").create())


def test_before_the_first_publish_a_reader_is_told_what_to_do(home: Home) -> None:
    with pytest.raises(SnapshotMissingError, match="retail add FILE"):
        open_snapshot(home)


@pytest.mark.parametrize(
    "statement",
    [
        "from read_csv('{file}')",
        "from '{file}'",
        "from read_text('{file}')",
        "from glob('{folder}/*')",
        "from read_blob('{database}')",
        "attach '{database}' as working (read_only)",
        "attach '{folder}/new.duckdb' as other",
        "copy raw.ones to '{folder}/out.csv'",
        "export database '{folder}/out'",
        "install httpfs",
        "load '{folder}/x.duckdb_extension'",
        "create persistent secret s (type s3, key_id 'a', secret 'b')",
        "create table raw.more as select 1",
        "delete from raw.ones",
        "drop table raw.ones",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "reset lock_configuration",
        "set memory_limit = '1GB'",
        "set temp_directory = '{folder}'",
        "set threads = 1",
        "pragma enable_profiling",
    ],
)
def test_a_readers_connection_reaches_no_file_and_changes_nothing(
    settled: Home, tmp_path: Path, statement: str
) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    before = set(tmp_path.iterdir())
    asked = statement.format(file=file, folder=tmp_path, database=settled.working_database)
    with open_snapshot(settled) as snapshot:
        with pytest.raises(duckdb.Error):
            snapshot.execute(asked).fetchall()
        assert snapshot.execute("select count(*) from raw.ones").fetchall() == [(1000,)]
    assert set(tmp_path.iterdir()) == before


def test_a_name_that_is_no_table_is_not_looked_up_among_the_programs_variables(published: Home) -> None:
    rows = pd.DataFrame({"a": [1]})
    with open_snapshot(published) as snapshot, pytest.raises(duckdb.CatalogException, match="rows does not exist"):
        snapshot.execute("from rows")
    assert len(rows) == 1


def test_a_snapshot_that_somebody_has_open_for_writing_is_told_in_words(published: Home) -> None:
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with running_process(code, published.warehouse_link) as writer:
        assert writer.stdout
        writer.stdout.readline()
        with pytest.raises(WarehouseError, match=f"cannot be opened.*PID {writer.pid}.*read-only"):
            open_snapshot(published)


def test_a_damaged_snapshot_is_told_in_words(published: Home) -> None:
    path = current_snapshot(published)
    assert path
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"cannot be opened.*'retail run' publishes a new one"):
        open_snapshot(published)
    assert published_version(published) is None


def test_many_readers_of_one_process_read_side_by_side(published: Home) -> None:
    counts: list[int] = []

    def read() -> None:
        for _ in range(10):
            with open_snapshot(published) as snapshot:
                counts.extend(snapshot.execute("select count(*) from raw.ones").fetchall()[0])

    with open_snapshot(published) as first, open_snapshot(published) as second:
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (
            first.execute("select count(*) from raw.ones").fetchall()
            == second.execute("select count(*) from raw.ones").fetchall()
        )
    assert counts == [1000] * 40


def test_processes_that_read_in_a_loop_see_whole_versions_only(published: Home, tmp_path: Path) -> None:
    """One reads as the pipeline's own readers do, one as any DuckDB client."""
    end = tmp_path / "end"
    with (
        running_process(READ, published.root, end, "reader") as reader,
        running_process(READ, published.root, end, "plain") as plain,
    ):
        for process in (reader, plain):
            assert process.stdout
            assert process.stdout.readline() == "reading\n"
        with opened(published) as warehouse:
            for version in range(1, PUBLISHES + 1):
                put_version(warehouse, version)
                publish(warehouse, keep=3)
        end.touch()
        for process in (reader, plain):
            told, complaint = process.communicate(timeout=60)
            assert process.returncode == 0, complaint
            answers, versions, last = map(int, told.split())
            assert last == PUBLISHES
            assert answers >= 10
            assert versions >= 2


def test_a_reader_keeps_its_version_for_as_long_as_it_is_open(published: Home) -> None:
    with open_snapshot(published) as old, opened(published) as warehouse:
        put_version(warehouse, 1)
        publish(warehouse, keep=3)
        assert old.execute("select max(version) from raw.ones").fetchall() == [(0,)]
        with open_snapshot(published) as new:
            assert new.execute("select max(version) from raw.ones").fetchall() == [(1,)]
        assert old.execute("select max(version) from raw.twos").fetchall() == [(0,)]


def test_a_snapshot_dropped_between_the_look_and_the_opening_is_looked_for_again(
    published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retail_pipeline.warehouse import reader

    look = current_snapshot
    looks: list[Path | None] = []

    def look_and_be_overtaken(home: Home) -> Path | None:
        looks.append(look(home))
        if len(looks) == 1:
            with opened(home) as warehouse:
                put_version(warehouse, 1)
                publish(warehouse, keep=1)
        return looks[-1]

    monkeypatch.setattr(reader, "current_snapshot", look_and_be_overtaken)
    with open_snapshot(published) as snapshot:
        assert snapshot.execute("select max(version) from raw.ones").fetchall() == [(1,)]
    assert len(looks) == 2
