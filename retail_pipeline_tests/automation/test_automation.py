"""The schedule and the sensor: what they ask for, and when."""

import json
import os
import time

import dagster as dg
import pytest

from retail_pipeline.automation.sensors import NOTHING
from retail_pipeline.definitions import build_defs
from retail_pipeline.home import Home
from retail_pipeline_tests.stores import canonical, refresh, write_drop

LINE = ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK")
OTHER = ("2", "2024-05-02 10:00:00", "C2", "P1", "Bowl", 1, "3.50", "UK")


class Looks:
    """Evaluates the sensor again and again, handing on its cursor as the daemon does."""

    def __init__(self, home: Home) -> None:
        self._sensor = build_defs(home).resolve_sensor_def("new_drops")
        self._cursor: str | None = None

    def look(self) -> dg.SensorResult:
        with dg.DagsterInstance.ephemeral() as instance:
            result = self._sensor(dg.build_sensor_context(instance=instance, cursor=self._cursor))
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor
        return result


def run_keys(result: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in result.run_requests or []]


def test_nightly_refresh_is_on_at_two_in_the_set_time_zone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_SCHEDULE__TIMEZONE", "Europe/London")
    schedule = build_defs(home).resolve_schedule_def("nightly_refresh")
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "Europe/London"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "refresh"


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
    assert refresh(home).success
    looks = Looks(home)
    looks.look()
    assert not looks.look().run_requests


def test_a_bad_file_is_asked_for_once_and_good_ones_still_are(home: Home) -> None:
    write_drop(home, "bad.csv", "what,is,this\n1,2,3\n")
    assert refresh(home).success
    looks = Looks(home)
    looks.look()
    first = run_keys(looks.look())
    assert run_keys(looks.look()) == first  # the same key: the daemon runs it no second time
    write_drop(home, "good.csv", canonical([LINE]))
    looks.look()
    second = run_keys(looks.look())
    assert len(second) == 1
    assert second != first


def test_the_cursor_is_small_readable_json(home: Home) -> None:
    write_drop(home, "a.csv", canonical([LINE]))
    looks = Looks(home)
    result = looks.look()
    assert list(json.loads(result.cursor or "")["files"]) == ["a.csv"]
