"""Settings: their defaults, where they come from, and what a user is told when one is wrong."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail_pipeline.automation.jobs import build_refresh_job, build_train_job
from retail_pipeline.automation.schedules import build_nightly_schedule, build_training_schedule
from retail_pipeline.definitions import build_defs
from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.settings import OWN_FORMATS, ScheduleSettings, Settings, load_settings

SECTIONS = ", ".join(sorted(Settings.model_fields))
IN_THE_ENVIRONMENT = SECTIONS.replace("formats, ", "")


def load(home: Home, toml: str | bytes = "") -> Settings:
    """The settings of a home with this settings file."""
    home.settings_file.write_bytes(toml.encode() if isinstance(toml, str) else toml)
    return load_settings(home)


def complaint(home: Home, toml: str | bytes = "") -> str:
    """What a user is told of this settings file and the environment, the home's path left out."""
    with pytest.raises(SettingsError) as caught:
        load(home, toml)
    return str(caught.value).replace(str(home.root), "HOME")


def test_every_setting_has_a_default_and_says_what_it_means(home: Home) -> None:
    settings = load_settings(home)
    for name, field in Settings.model_fields.items():
        if name == OWN_FORMATS:
            continue
        section = getattr(settings, name)
        assert type(section).__doc__
        assert field.default == section
        for key, setting in type(section).model_fields.items():
            assert setting.description, f"{name}.{key}"


def test_the_defaults_are_the_documented_ones(home: Home) -> None:
    settings = load_settings(home)
    assert (settings.core.revenue_policy, settings.core.as_of) == ("net", None)
    assert settings.rfm.model_dump() == dict.fromkeys(settings.rfm.model_dump())
    assert (settings.quality.rejected_share_warn, settings.quality.rejected_share_fail) == (0.01, 0.25)
    assert (settings.schedule.nightly, settings.schedule.drops_every_seconds) == ("0 2 * * *", 30)
    assert settings.warehouse.keep_snapshots == 3


def test_the_settings_file_sets(home: Home) -> None:
    settings = load(
        home,
        """
        [core]
        revenue_policy = "gross"
        as_of = 2011-12-10
        [rfm]
        recency_days_thresholds = [30, 60, 90.5, 180]
        [warehouse]
        memory_limit = "8GB"
        """,
    )
    assert (settings.core.revenue_policy, settings.core.as_of) == ("gross", date(2011, 12, 10))
    assert settings.rfm.model_dump()["recency_days_thresholds"] == (30, 60, 90.5, 180)
    assert settings.rfm.monetary_thresholds is None
    assert settings.warehouse.memory_limit == "8GB"


def test_the_environment_wins_over_the_file_key_by_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_CORE__REVENUE_POLICY", "net")
    monkeypatch.setenv("RETAIL_SCHEDULE__DROPS_EVERY_SECONDS", "60")
    settings = load(home, '[core]\nrevenue_policy = "gross"\nas_of = "2011-12-10"\n[schedule]\nnightly = "0 3 * * *"\n')
    assert (settings.core.revenue_policy, settings.core.as_of) == ("net", date(2011, 12, 10))
    assert (settings.schedule.nightly, settings.schedule.drops_every_seconds) == ("0 3 * * *", 60)


@pytest.mark.parametrize(
    "text", ["[30, 60, 90, 180]", "30,60,90,180", " 30, 60, 90, 180 ", "30 60 90 180", "30;60;90;180"]
)
def test_a_list_in_the_environment_may_be_written_with_and_without_brackets(
    home: Home, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RETAIL_RFM__RECENCY_DAYS_THRESHOLDS", text)
    assert load_settings(home).rfm.recency_days_thresholds == (30, 60, 90, 180)


def test_an_empty_variable_sets_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_CORE__AS_OF", "")
    assert load(home, "[core]\nas_of = 2011-12-10\n").core.as_of == date(2011, 12, 10)
    assert complaint(home, "[core]\nas_of = 7\n").startswith("HOME/retail.toml: core.as_of = 7")


def test_the_home_may_be_named_in_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(home.root))
    assert load_settings(Home.locate()) == load_settings(home)


def test_a_home_without_a_settings_file_has_the_defaults(tmp_path: Path) -> None:
    assert load_settings(Home(tmp_path / "nowhere")).model_dump() == Settings().model_dump()


def test_settings_do_not_change(home: Home) -> None:
    settings = load_settings(home)
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings.core, "revenue_policy", "gross")  # noqa: B010 - as code that is not type-checked would


FILE_COMPLAINTS = {
    "a wrong key": (
        '[core]\npolicy = "gross"\n',
        "HOME/retail.toml: core.policy is no setting. Allowed in [core]: as_of, revenue_policy.",
    ),
    "a key in capitals": (
        '[core]\nREVENUE_POLICY = "gross"\n',
        "HOME/retail.toml: core.REVENUE_POLICY is no setting. Allowed in [core]: as_of, revenue_policy.",
    ),
    "a wrong section": (
        '[cor]\nrevenue_policy = "gross"\n',
        f"HOME/retail.toml: cor is no setting. Allowed as sections: {SECTIONS}.",
    ),
    "a key outside its section": (
        'revenue_policy = "gross"\n',
        f"HOME/retail.toml: revenue_policy is no setting. Allowed as sections: {SECTIONS}.",
    ),
    "a value for a section": (
        "core = 3\n",
        "HOME/retail.toml: core = 3 is not allowed: it is a section; write [core] and below it any of as_of, "
        "revenue_policy.",
    ),
    "a wrong word": (
        '[core]\nrevenue_policy = "both"\n',
        "HOME/retail.toml: core.revenue_policy = 'both' is not allowed: use 'net' or 'gross'.",
    ),
    "a table for a word": (
        "[core.revenue_policy]\nx = 1\n",
        "HOME/retail.toml: core.revenue_policy = {'x': 1} is not allowed: use 'net' or 'gross'.",
    ),
    "no date": (
        '[core]\nas_of = "yesterday"\n',
        "HOME/retail.toml: core.as_of = 'yesterday' is not allowed: it must be a date, as in 2011-12-10.",
    ),
    "a time of day": (
        "[core]\nas_of = 2011-12-10T05:00:00\n",
        "HOME/retail.toml: core.as_of = 2011-12-10 05:00:00 is not allowed: it must be a date, as in 2011-12-10.",
    ),
    "three thresholds": (
        "[rfm]\nfrequency_thresholds = [1, 2, 3]\n",
        "HOME/retail.toml: rfm.frequency_thresholds = [1, 2, 3] is not allowed: it must be four rising numbers, as in "
        "[30, 60, 90, 180].",
    ),
    "five thresholds": (
        "[rfm]\nfrequency_thresholds = [1, 2, 3, 4, 5]\n",
        "HOME/retail.toml: rfm.frequency_thresholds = [1, 2, 3, 4, 5] is not allowed: it must be four rising numbers, "
        "as in [30, 60, 90, 180].",
    ),
    "a threshold in words": (
        '[rfm]\nfrequency_thresholds = [1, "two", 3, 4]\n',
        "HOME/retail.toml: rfm.frequency_thresholds = 'two' is not allowed: it must be a number.",
    ),
    "thresholds that do not rise": (
        "[rfm]\nfrequency_thresholds = [1, 2, 2, 4]\n",
        "HOME/retail.toml: rfm.frequency_thresholds = [1, 2, 2, 4] is not allowed: thresholds must rise from left to "
        "right.",
    ),
    "a threshold that is no number": (
        "[rfm]\nfrequency_thresholds = [1, 2, 3, nan]\n",
        "HOME/retail.toml: rfm.frequency_thresholds = nan is not allowed: it must be a number.",
    ),
    "no feature set": (
        "[clusters]\nfeature_sets = []\n",
        "HOME/retail.toml: clusters.feature_sets = [] is not allowed: it must be a list of one name or more, as in "
        "['rfm'].",
    ),
    "an unknown feature set": (
        '[clusters]\nfeature_sets = ["rfm", "basket"]\n',
        "HOME/retail.toml: clusters.feature_sets = 'basket' is not allowed: use 'classic' or 'rfm'.",
    ),
    "a range of clusters from above": (
        "[clusters]\nk_min = 6\nk_max = 4\n",
        "HOME/retail.toml: clusters.k_max = 4 is not allowed: it must be k_min or more.",
    ),
    "one horizon that is no list": (
        "[clv]\nhorizon_days = 90\n",
        "HOME/retail.toml: clv.horizon_days = 90 is not allowed: it must be a list of rising whole numbers, as in "
        "[30, 90, 365].",
    ),
    "a horizon of no day": (
        "[clv]\nhorizon_days = [0, 90]\n",
        "HOME/retail.toml: clv.horizon_days = 0 is not allowed: it must be more than 0.",
    ),
    "horizons from above": (
        "[clv]\nhorizon_days = [90, 30]\n",
        "HOME/retail.toml: clv.horizon_days = [90, 30] is not allowed: it must be a list of rising whole numbers, as "
        "in [30, 90, 365].",
    ),
    "a share in percent": (
        "[quality]\nrejected_share_warn = 5\n",
        "HOME/retail.toml: quality.rejected_share_warn = 5 is not allowed: it must be 1 or less.",
    ),
    "a share below zero": (
        "[quality]\nrejected_share_warn = -0.1\n",
        "HOME/retail.toml: quality.rejected_share_warn = -0.1 is not allowed: it must be 0 or more.",
    ),
    "too short a freshness": (
        "[quality]\nfresh_within_hours = 0.01\n",
        "HOME/retail.toml: quality.fresh_within_hours = 0.01 is not allowed: it must be 0.1 or more.",
    ),
    "an endless freshness": (
        "[quality]\nfresh_within_hours = inf\n",
        "HOME/retail.toml: quality.fresh_within_hours = inf is not allowed: it must be a number.",
    ),
    "a fraction of a thread": (
        "[warehouse]\nthreads = 2.5\n",
        "HOME/retail.toml: warehouse.threads = 2.5 is not allowed: it must be a whole number.",
    ),
    "nothing above zero": (
        "[ingest]\nmax_unpacked_gib = 0\n",
        "HOME/retail.toml: ingest.max_unpacked_gib = 0 is not allowed: it must be more than 0.",
    ),
    "a size without a unit": (
        '[warehouse]\nmemory_limit = "8"\n',
        "HOME/retail.toml: warehouse.memory_limit = '8' is not allowed: a size has a number and a unit, as in '8GB', "
        "'500MB' or '60%'.",
    ),
    "a size that is no text": (
        "[warehouse]\nmemory_limit = 8\n",
        "HOME/retail.toml: warehouse.memory_limit = 8 is not allowed: it must be a text in quotes.",
    ),
    "an unknown time zone": (
        '[schedule]\ntimezone = "Mars/Base"\n',
        "HOME/retail.toml: schedule.timezone = 'Mars/Base' is not allowed: no such time zone is known; use a name such "
        "as 'Europe/London' or 'UTC'.",
    ),
    "a number for a date": (
        "[core]\nas_of = 0\n",
        "HOME/retail.toml: core.as_of = 0 is not allowed: it must be a date, as in 2011-12-10.",
    ),
    "a switch for a number": (
        "[ingest]\nsettle_seconds = true\n",
        "HOME/retail.toml: ingest.settle_seconds = True is not allowed: it is not true or false; see "
        "docs/settings.md for what it is.",
    ),
    "a switch for a whole number": (
        "[warehouse]\nkeep_snapshots = true\n",
        "HOME/retail.toml: warehouse.keep_snapshots = True is not allowed: it is not true or false; see "
        "docs/settings.md for what it is.",
    ),
    "too little memory": (
        '[warehouse]\nmemory_limit = "5MB"\n',
        "HOME/retail.toml: warehouse.memory_limit = '5MB' is not allowed: DuckDB needs 200MB or more.",
    ),
    "no memory": (
        '[warehouse]\nmemory_limit = "0%"\n',
        "HOME/retail.toml: warehouse.memory_limit = '0%' is not allowed: DuckDB needs 200MB or more.",
    ),
    "a day that its months do not have": (
        '[schedule]\nnightly = "0 0 31 2 *"\n',
        "HOME/retail.toml: schedule.nightly = '0 0 31 2 *' is not allowed: none of its months has the day '31'.",
    ),
    "no cron line": (
        '[schedule]\nnightly = "2am"\n',
        "HOME/retail.toml: schedule.nightly = '2am' is not allowed: a cron line has five fields: minute hour day month "
        "weekday, as in '0 2 * * *'.",
    ),
    "a minute that is none": (
        '[schedule]\nnightly = "61 2 * * *"\n',
        "HOME/retail.toml: schedule.nightly = '61 2 * * *' is not allowed: its minute '61' must be * or numbers from 0 "
        "to 59, as in '5', '1-5', '1,15', '*/15'.",
    ),
}


@pytest.mark.parametrize(("toml", "expected"), FILE_COMPLAINTS.values(), ids=FILE_COMPLAINTS.keys())
def test_a_fault_in_the_file_is_named_with_what_is_allowed(home: Home, toml: str, expected: str) -> None:
    assert complaint(home, toml) == expected


def test_all_faults_are_told_at_once(home: Home) -> None:
    told = complaint(home, '[core]\nrevenue_policy = "x"\n[warehouse]\nthreads = "many"\nthread = 1\n')
    assert [line.split(" ")[1] for line in told.splitlines()] == [
        "core.revenue_policy",
        "warehouse.threads",
        "warehouse.thread",
    ]


def test_a_broken_file_is_named_with_the_line(home: Home) -> None:
    told = complaint(home, '[core]\nrevenue_policy = "gross\n')
    assert told.startswith("HOME/retail.toml is not valid TOML: ")
    assert "line 2" in told
    assert "texts are in quotes" in told


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_in_another_encoding_is_refused_with_advice(home: Home, encoding: str) -> None:
    content = '# café\n[core]\nrevenue_policy = "gross"\n'.encode(encoding)
    assert complaint(home, content) == "HOME/retail.toml is not UTF-8 text. Save it again with the encoding UTF-8."


def test_a_byte_order_mark_and_windows_line_ends_are_read(home: Home) -> None:
    content = '# café\r\n[core]\r\nrevenue_policy = "gross"\r\n'.encode("utf-8-sig")
    assert load(home, content).core.revenue_policy == "gross"


def test_a_folder_in_the_files_place_is_told(home: Home) -> None:
    home.settings_file.mkdir()
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(home)


ENVIRONMENT_COMPLAINTS = {
    "a wrong key": (
        ("RETAIL_CORE__POLICY", "gross"),
        "RETAIL_CORE__POLICY: core.policy is no setting. Allowed in [core]: as_of, revenue_policy.",
    ),
    "a wrong value": (
        ("RETAIL_CORE__REVENUE_POLICY", "both"),
        "RETAIL_CORE__REVENUE_POLICY: core.revenue_policy = 'both' is not allowed: use 'net' or 'gross'.",
    ),
    "a share in percent": (
        ("RETAIL_QUALITY__REJECTED_SHARE_WARN", "5%"),
        "RETAIL_QUALITY__REJECTED_SHARE_WARN: quality.rejected_share_warn = '5%' is not allowed: it must be a number.",
    ),
    "seconds for a date": (
        ("RETAIL_CORE__AS_OF", "86400"),
        "RETAIL_CORE__AS_OF: core.as_of = '86400' is not allowed: it must be a date, as in 2011-12-10.",
    ),
    "three thresholds": (
        ("RETAIL_RFM__MONETARY_THRESHOLDS", "[1, 2, 3]"),
        "RETAIL_RFM__MONETARY_THRESHOLDS: rfm.monetary_thresholds = [1, 2, 3] is not allowed: it must be four rising "
        "numbers, as in [30, 60, 90, 180].",
    ),
    "a list that is none": (
        ("RETAIL_RFM__MONETARY_THRESHOLDS", "cheap"),
        "RETAIL_RFM__MONETARY_THRESHOLDS: rfm.monetary_thresholds = 'cheap' is not allowed: it must be a number.",
    ),
    "an unknown section": (
        ("RETAIL_BOGUS__KEY", "1"),
        "The environment variable RETAIL_BOGUS__KEY is no setting. Settings are RETAIL_<SECTION>__<KEY>, with the "
        f"sections: {IN_THE_ENVIRONMENT}.",
    ),
    "no section": (
        ("RETAIL_REVENUE_POLICY", "gross"),
        "The environment variable RETAIL_REVENUE_POLICY is no setting. Settings are RETAIL_<SECTION>__<KEY>, with the "
        f"sections: {IN_THE_ENVIRONMENT}.",
    ),
    "a section as a whole": (
        ("RETAIL_CORE", '{"revenue_policy": "gross"}'),
        "The environment variable RETAIL_CORE is no setting. Settings are RETAIL_<SECTION>__<KEY>, with the "
        f"sections: {IN_THE_ENVIRONMENT}.",
    ),
    "a part of a value": (
        ("RETAIL_CORE__REVENUE_POLICY__X", "gross"),
        "The environment variable RETAIL_CORE__REVENUE_POLICY__X is no setting. Settings are "
        f"RETAIL_<SECTION>__<KEY>, with the sections: {IN_THE_ENVIRONMENT}.",
    ),
}


@pytest.mark.parametrize(("variable", "expected"), ENVIRONMENT_COMPLAINTS.values(), ids=ENVIRONMENT_COMPLAINTS.keys())
def test_a_fault_in_the_environment_is_named_with_what_is_allowed(
    home: Home, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str], expected: str
) -> None:
    monkeypatch.setenv(*variable)
    assert complaint(home) == expected


def test_a_variable_in_small_letters_counts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("retail_core__revenue_policy", "gross")
    assert load_settings(home).core.revenue_policy == "gross"


GOOD_CRON_LINES = [
    "0 2 * * *",
    "*/5 * * * *",
    "0,30 8-18/2 * * 1-5",
    "0 2 * * mon-fri",
    "15 3 1 JAN,jul *",
    "0 0 * * 7",
    "0 0 29 feb *",
    "0 0 31 2,3 *",
    "0 0 28-31/3 2 *",
]
BAD_CRON_LINES = [
    "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "a b c d e", "1- * * * *",
    "0 0 30 2 *", "0 0 31 apr,6 *", "0 0 30,31 FEB *",
]  # fmt: skip


@pytest.mark.parametrize("line", GOOD_CRON_LINES)
def test_a_cron_line_that_passes_is_one_for_dagster(home: Home, line: str) -> None:
    home.settings_file.write_text(f'[schedule]\nnightly = "{line}"\n')
    assert build_defs(home).get_schedule_def("nightly_refresh").cron_schedule == line


@pytest.mark.parametrize("line", BAD_CRON_LINES)
def test_a_wrong_cron_line_is_refused_before_dagster_sees_it(home: Home, line: str) -> None:
    assert "schedule.nightly" in complaint(home, f'[schedule]\nnightly = "{line}"\n')


@pytest.mark.parametrize("size", ["200%", "99999999999999999999GB", "199MB"])
def test_a_memory_limit_that_duckdb_does_not_take_is_refused(home: Home, size: str) -> None:
    assert "warehouse.memory_limit" in complaint(home, f'[warehouse]\nmemory_limit = "{size}"\n')


def test_texts_in_the_environment_are_numbers_and_dates(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_CORE__AS_OF", "2011-12-10")
    monkeypatch.setenv("RETAIL_INGEST__SETTLE_SECONDS", "1.5")
    monkeypatch.setenv("RETAIL_WAREHOUSE__KEEP_SNAPSHOTS", "5")
    settings = load_settings(home)
    assert settings.core.as_of == date(2011, 12, 10)
    assert (settings.ingest.settle_seconds, settings.warehouse.keep_snapshots) == (1.5, 5)


def test_what_dagster_does_not_take_as_a_schedule_is_told(home: Home) -> None:
    wrong = load_settings(home).model_copy(update={"schedule": ScheduleSettings.model_construct(nightly="2am")})
    with pytest.raises(SettingsError, match=r"schedule\.nightly = '2am'"):
        build_nightly_schedule(build_refresh_job(), wrong)
    wrong = load_settings(home).model_copy(update={"schedule": ScheduleSettings.model_construct(training="sunday")})
    with pytest.raises(SettingsError, match=r"schedule\.training = 'sunday'"):
        build_training_schedule(build_train_job(), wrong)


@pytest.mark.parametrize("size", ["8GB", "500 MB", "1.5gib", "60%", "2TB", "200MB"])
def test_a_memory_limit_that_passes_is_one_for_duckdb(home: Home, size: str) -> None:
    limit = load(home, f'[warehouse]\nmemory_limit = "{size}"\n').warehouse.memory_limit
    duckdb.connect(config={"memory_limit": str(limit)}).close()


def test_the_shortest_freshness_is_one_for_dagster(home: Home) -> None:
    for hours in (0.1, 87_600):
        home.settings_file.write_text(f"[quality]\nfresh_within_hours = {hours}\n")
        build_defs(home)


@pytest.mark.parametrize("use", [load_settings, build_defs])
def test_wrong_settings_stop_whatever_needs_them(home: Home, use: Callable[[Home], Any]) -> None:
    home.settings_file.write_text("[core]\npolicy = 1\n")
    with pytest.raises(SettingsError, match=r"core\.policy is no setting"):
        use(home)
