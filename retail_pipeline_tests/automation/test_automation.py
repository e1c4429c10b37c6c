"""The schedule and the sensor: what they ask for, and when."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline.automation import asked_runs, sensors
from retail_pipeline.automation.asked_runs import DROPS_TAG, LONGEST_PAUSE_SECONDS, pause_seconds
from retail_pipeline.automation.sensors import NOTHING
from retail_pipeline.definitions import build_defs
from retail_pipeline.home import Home
from retail_pipeline.ingest.hashing import BoundedHasher
from retail_pipeline.warehouse.resource import TRAIN_TAG
from retail_pipeline_tests.stores import LOADED, LONG_AGO, canonical, refresh, write_drop

LINE = ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK")
OTHER = ("2", "2024-05-02 10:00:00", "C2", "P1", "Bowl", 1, "3.50", "UK")


class Looks:
    """Evaluates the sensor again and again, handing on its cursor as the daemon does."""

    def __init__(self, home: Home) -> None:
        self._definitions = build_defs(home)
        self._sensor = self._definitions.resolve_sensor_def("new_drops")
        self._cursor: str | None = None
        self.instance = dg.DagsterInstance.ephemeral()

    def look(self) -> dg.SensorResult:
        result = self._sensor(dg.build_sensor_context(instance=self.instance, cursor=self._cursor))
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor
        return result

    def look_twice(self) -> list[dg.RunRequest]:
        """What is asked for once the files have held still between two looks."""
        self.look()
        return list(self.look().run_requests or [])

    def start(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run for a request, as far as the daemon and the run got."""
        job = self._definitions.resolve_job_def("refresh")
        return self.instance.create_run_for_job(job, status=status, tags=dict(request.tags))


def run_keys(result: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in result.run_requests or []]


def test_nightly_refresh_is_on_at_two_in_the_set_time_zone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_SCHEDULE__TIMEZONE", "Europe/London")
    schedule = build_defs(home).resolve_schedule_def("nightly_refresh")
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "Europe/London"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "refresh"


def test_training_is_on_at_three_on_sundays_and_asks_for_models_anew(home: Home) -> None:
    definitions = build_defs(home)
    schedule = definitions.resolve_schedule_def("weekly_training")
    assert (schedule.cron_schedule, schedule.job_name) == ("0 3 * * 0", "train")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    job, refresh = (definitions.resolve_job_def(name) for name in ("train", "refresh"))
    assert job.tags[TRAIN_TAG] == "true"
    assert TRAIN_TAG not in refresh.tags
    assert {node.name for node in job.nodes} == {node.name for node in refresh.nodes}


def test_sensor_is_on_and_looks_every_thirty_seconds(home: Home) -> None:
    sensor = build_defs(home).resolve_sensor_def("new_drops")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30


def test_nothing_is_asked_for_without_files(home: Home) -> None:
    result = Looks(home).look()
    assert not result.run_requests
    assert str(result.skip_reason.skip_message) == NOTHING


def test_files_that_hold_still_between_two_looks_are_asked_for_in_one_run(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    write_drop(home, "b.csv", canonical([OTHER]))
    looks = Looks(home)
    assert not looks.look().run_requests
    assert len(run_keys(looks.look())) == 1


def test_a_growing_file_is_waited_for(home: Home) -> None:
    path = write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    looks.look()
    with path.open("a") as file:
        file.write("2,2024-05-02 10:00:00,C2,P1,Bowl,1,3.50,UK\n")
    os.utime(path, (LONG_AGO + 1, LONG_AGO + 1))
    waiting = looks.look()
    assert not waiting.run_requests
    assert "a.csv" in str(waiting.skip_reason.skip_message)
    assert len(run_keys(looks.look())) == 1


def test_a_file_that_always_grows_holds_up_no_other(home: Home) -> None:
    write_drop(home, "good.csv", canonical([LINE]))
    growing = write_drop(home, "log.csv", canonical([OTHER]))
    looks = Looks(home)
    asked = 0
    for look in range(4):
        growing.write_text(canonical([OTHER] * (look + 2)))
        os.utime(growing, (time.time() + look, time.time() + look))
        asked += len(run_keys(looks.look()))
    assert asked >= 1


def test_the_run_key_depends_on_contents_alone(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Home(tmp_path_factory.mktemp("other")).create()
    write_drop(home, "a.csv", canonical([LINE]))
    write_drop(elsewhere, "renamed.csv", canonical([LINE]))
    here, there = Looks(home), Looks(elsewhere)
    here.look()
    there.look()
    assert run_keys(here.look()) == run_keys(there.look()) != []


def test_loaded_files_are_not_asked_for_again(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    assert refresh(home, select=LOADED).success
    looks = Looks(home)
    looks.look()
    assert not looks.look().run_requests


def test_a_refused_file_is_not_asked_for_again_and_good_ones_still_are(home: Home) -> None:
    write_drop(home, "bad.csv", "what,is,this\n1,2,3\n")
    assert refresh(home, select=LOADED).success
    looks = Looks(home)
    looks.look()
    assert not looks.look().run_requests
    write_drop(home, "good.csv", canonical([LINE]))
    assert len(looks.look_twice()) == 1


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the clock by which attempts are spaced so many seconds forward."""
    return lambda seconds: monkeypatch.setattr(asked_runs, "_now", lambda: time.time() + seconds)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
def test_a_file_that_a_run_has_not_loaded_is_asked_for_again_after_a_pause(
    home: Home, later: Callable[[float], None], status: dg.DagsterRunStatus
) -> None:
    """The run failed, or it found the file growing still."""
    write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    [request] = looks.look_twice()
    looks.start(request, status)
    assert not looks.look().run_requests
    later(pause_seconds(1) + 5)
    [second] = looks.look().run_requests or []
    assert second.run_key != request.run_key
    assert looks.look().run_requests == [second]
    looks.start(second, status)
    assert not looks.look().run_requests
    later(pause_seconds(2) + 5)
    [third] = looks.look().run_requests or []
    assert len({request.run_key, second.run_key, third.run_key}) == 3


def test_the_pauses_between_attempts_double_up_to_a_day() -> None:
    assert [pause_seconds(attempts) / 60 for attempts in (1, 2, 3)] == [2, 4, 8]
    assert pause_seconds(11) == pause_seconds(5000) == LONGEST_PAUSE_SECONDS == 86_400


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
def test_a_run_that_is_under_way_is_waited_for_however_long(
    home: Home, later: Callable[[float], None], status: dg.DagsterRunStatus
) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    [request] = looks.look_twice()
    looks.start(request, status)
    later(1e6)
    assert not looks.look().run_requests


def test_a_run_that_was_killed_is_asked_for_again(home: Home, later: Callable[[float], None]) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    [request] = looks.look_twice()
    run = looks.start(request, dg.DagsterRunStatus.STARTED)
    later(pause_seconds(1) + 5)
    markers = home.work / "runs"
    markers.mkdir()
    (markers / f"{run.run_id}.abcd1234").touch()  # what a killed run leaves
    assert len(looks.look().run_requests or []) == 1


def test_contents_that_come_back_are_asked_for_again(home: Home, later: Callable[[float], None]) -> None:
    """A log is continued, which takes the place of its first state, and then put back."""
    looks = Looks(home)
    keys = []
    for turn, lines in enumerate(([LINE], [LINE, OTHER], [LINE])):
        path = write_drop(home, "log.csv", canonical(lines))
        os.utime(path, (LONG_AGO + turn, LONG_AGO + turn))
        later(1e6)
        [request] = looks.look_twice()
        keys.append(request.run_key)
        assert refresh(home, select=LOADED, instance=looks.instance, tags=dict(request.tags)).success
        assert not looks.look().run_requests
    assert len(set(keys)) == 3


def test_a_request_tells_dagster_which_contents_it_is_for(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    [request] = Looks(home).look_twice()
    assert request.tags[DROPS_TAG] == request.run_key


def test_a_file_younger_than_a_run_takes_is_not_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_INGEST__SETTLE_SECONDS", "1000000")
    write_drop(home, "old.csv", canonical([LINE]))
    young = write_drop(home, "young.csv", canonical([OTHER]))
    os.utime(young)
    looks = Looks(home)
    looks.look()
    assert "young.csv" in str(looks.look().skip_reason.skip_message)
    assert list(json.loads(looks.look().cursor or "")["files"]["young.csv"]) == ["stamp"]


def test_a_look_reads_no_more_than_it_may_and_the_next_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "HASHED_BYTES", 100)
    path = write_drop(home, "a.csv", canonical([LINE] * 10))
    looks_needed = path.stat().st_size // 100 + 1
    looks = Looks(home)
    looks.look()
    for _ in range(looks_needed - 1):
        assert not looks.look().run_requests
    cursor = json.loads(looks.look().cursor or "")
    assert cursor["files"]["a.csv"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_written_to_while_it_is_hashed_is_hashed_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0123456789")
    hasher = BoundedHasher(6)
    assert hasher.hash(path, "first") is None
    path.write_text("abcde")
    hasher.begin()
    assert hasher.hash(path, "second") == hashlib.sha256(b"abcde").hexdigest()


def test_the_cursor_is_small_readable_json(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    result = looks.look()
    assert list(json.loads(result.cursor or "")["files"]) == ["a.csv"]
