"""The quick event log holds what the slow one holds, and leaves nothing open."""

import contextlib
import sqlite3
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import Connection, Engine, event, text

from retail_pipeline.console.event_log import quick_event_log


@dg.asset
def number() -> int:
    return 1


def materialise(folder: Path) -> tuple[str, list[str]]:
    folder.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        result = dg.materialize([number], instance=instance, resources={"io_manager": dg.mem_io_manager})
        return result.run_id, events_of(instance, result.run_id)


def events_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [str(record.event_log_entry.dagster_event_type) for record in instance.get_records_for_run(run_id).records]


def test_all_events_are_there_for_whoever_opens_the_instance_later(tmp_path: Path) -> None:
    with quick_event_log():
        run_id, events = materialise(tmp_path / "quick")
    assert events == materialise(tmp_path / "slow")[1] != []
    with dg.DagsterInstance.local_temp(str(tmp_path / "quick")) as instance:
        later = [
            str(record.event_log_entry.dagster_event_type) for record in instance.get_records_for_run(run_id).records
        ]
    assert later == events


@pytest.mark.parametrize("quick", [True, False])
def test_a_file_has_one_engine_only_inside(tmp_path: Path, quick: bool) -> None:
    engines: list[Engine] = []

    def note(connection: Connection) -> None:
        if connection.engine not in engines:
            engines.append(connection.engine)

    event.listen(Engine, "engine_connect", note)
    try:
        with quick_event_log() if quick else contextlib.nullcontext():
            materialise(tmp_path)
    finally:
        event.remove(Engine, "engine_connect", note)
    files = {engine.url for engine in engines}
    assert len(files) > 2
    assert (len(engines) == len(files)) is quick


def test_no_log_is_left_to_be_written_back(tmp_path: Path) -> None:
    with quick_event_log():
        materialise(tmp_path)
    assert list(tmp_path.rglob("*.db"))
    assert not list(tmp_path.rglob("*.db-wal"))


@pytest.mark.parametrize("quick", [True, False])
def test_commits_of_the_log_wait_for_the_disk_only_outside(tmp_path: Path, quick: bool) -> None:
    with quick_event_log() if quick else contextlib.nullcontext():
        engine = sqlite_event_log.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
        with engine.connect() as connection:
            assert connection.execute(text("pragma synchronous")).scalar() == (1 if quick else 2)
        engine.dispose()
    with sqlite3.connect(tmp_path / "a.db") as after:
        assert after.execute("pragma synchronous").fetchone() == (2,)
    after.close()


@pytest.mark.parametrize("quick", [True, False])
def test_a_file_is_opened_once_inside(tmp_path: Path, quick: bool) -> None:
    opened: Counter[str] = Counter()

    def note(connection: sqlite3.Connection, _: object) -> None:
        opened[connection.execute("pragma database_list").fetchone()[2]] += 1

    event.listen(Engine, "connect", note)
    try:
        with quick_event_log() if quick else contextlib.nullcontext():
            materialise(tmp_path)
    finally:
        event.remove(Engine, "connect", note)
    opened.pop("", None)  # what is kept in memory
    assert (max(opened.values()) <= 2) is quick  # twice where one visit asks within another
