"""The ``retail`` command as a user sees it: what it prints, and its exit codes."""

import csv
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
import openpyxl
import pytest
from click.testing import CliRunner, Result

from retail_pipeline.assets.raw import drops as raw_drops
from retail_pipeline.cli import main
from retail_pipeline.console.add import put_into_drops
from retail_pipeline.console.dagster_home import open_instance, prepare_dagster_home
from retail_pipeline.console.dashboard import dashboard_command
from retail_pipeline.errors import PublishError
from retail_pipeline.home import Home
from retail_pipeline.ingest.drops import list_drops
from retail_pipeline.ingest.raw_tables import RAW_TABLES
from retail_pipeline.warehouse import resource
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_TABLES, up_to
from retail_pipeline_tests.stores import LOADED, canonical, opened, refresh, write_drop

LINES = [
    ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK"),
    ("1", "2024-05-01 10:00:00", "C1", "P2", "Cup", 1, "2.00", "UK"),
    ("2", "2024-05-03 11:30:00", "C2", "P1", "Bowl", 4, "3.50", "IE"),
]


LOAD = ("run", "--select", "raw.drops")
"""A run of the one step that loads files, for tests of what every run does: a whole one takes six times as long."""


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    """What the command puts into the environment ends with the test."""
    monkeypatch.setenv("RETAIL_HOME", str(home.root))
    monkeypatch.setenv("DAGSTER_HOME", str(home.root / ".dagster"))


def retail(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with three lines published, to be copied."""
    home = Home(tmp_path_factory.mktemp("published") / "store").create()
    write_drop(home, "may.csv", canonical(LINES))
    assert refresh(home).success
    return home


@pytest.fixture
def published(published_once: Home, home: Home) -> Home:
    """A home with three lines published."""
    shutil.copytree(published_once.root, home.root, symlinks=True, dirs_exist_ok=True)
    return home


def test_help_lists_every_command() -> None:
    output = retail("--help").output
    for command in (
        "demo",
        "run",
        "train",
        "add",
        "drops",
        "ui",
        "dashboard",
        "sql",
        "status",
        "report",
        "export",
        "simulate",
    ):
        assert f"\n  {command} " in output


def test_the_dashboard_listens_to_this_machine_alone_and_reports_to_nobody() -> None:
    command = dashboard_command("127.0.0.1", 8600)
    assert {
        "--server.address=127.0.0.1", "--server.port=8600", "--browser.gatherUsageStats=false", "--theme.base=dark",
        "--theme.backgroundColor=#1a1a1a", "--theme.textColor=#e0e0e0", "--theme.primaryColor=#90cdf4",
    } <= set(command)  # fmt: skip
    assert "127.0.0.1" in retail("dashboard", "--help").output


def test_a_dashboard_on_a_port_in_use_is_refused(published: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = retail("dashboard", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2


def test_every_command_explains_itself() -> None:
    for command in main.commands:
        result = retail(command, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.output


def test_train_runs_all_with_models_fitted_anew(home: Home) -> None:
    write_drop(home, "may.csv", canonical(LINES))
    result = retail("train")
    assert result.exit_code == 0, result.output
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
    assert (run.job_name, run.tags[resource.TRAIN_TAG]) == ("train", "true")
    assert home.warehouse_link.exists()


def test_run_without_files_has_nothing_to_do(home: Home) -> None:
    result = retail("run")
    assert result.exit_code == 0
    assert "Nothing to do" in result.output
    assert "retail add FILE" in result.output


def test_add_run_and_sql_lead_from_a_file_to_an_answer(home: Home, tmp_path: Path) -> None:
    export = tmp_path / "may.csv"
    export.write_text(canonical(LINES))
    added = retail("add", str(export))
    assert added.exit_code == 0
    assert "canonical" in added.output
    assert "3 rows" in added.output
    run = retail("run")
    assert run.exit_code == 0, run.output
    assert "3 rows read, 0 rejected" in run.output
    assert str(home.warehouse_link) in run.output
    answer = retail("sql", "select customer_id, monetary from customers.rfm_scores order by 1", "--csv")
    assert answer.output.splitlines() == ["customer_id,monetary", "C1,9.0000", "C2,14.0000"]


def test_run_writes_an_instance_without_telemetry_and_is_seen_there(published: Home) -> None:
    import dagster as dg

    assert retail(*LOAD).exit_code == 0
    assert "telemetry:\n  enabled: false" in (published.root / ".dagster" / "dagster.yaml").read_text()
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert run.job_name == "refresh"


def test_run_of_a_selection_builds_only_that(published: Home) -> None:
    result = retail("run", "--select", "customers.rfm_segments")
    assert result.exit_code == 0, result.output
    assert "1 tables built" in result.output
    customers = [table for table in SQL_TABLES if table.startswith("customers.")]
    output = retail("run", "--select", "group:customers").output
    assert all(f"\n{table} " in f"\n{output}" for table in customers)
    assert "core." not in output


KILLED_AS_IT_STARTS = """
import os, signal
from retail_pipeline.cli import main
from retail_pipeline.warehouse.resource import WarehouseResource
WarehouseResource.setup_for_execution = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["run", "--select", "raw.drops"])
"""


def test_a_run_killed_before_it_reached_the_warehouse_is_marked_by_the_next(published: Home) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AS_IT_STARTS], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    with dg.DagsterInstance.get() as instance:
        [left] = instance.get_runs()
        assert left.status is dg.DagsterRunStatus.STARTED
        assert retail(*LOAD).exit_code == 0
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "FAILURE"]


def test_a_selection_of_nothing_is_asked_wrongly(published: Home) -> None:
    result = retail("run", "--select", "customers.rmf_scores")
    assert result.exit_code == 2
    assert "customers.rfm_scores" in result.output


def test_a_part_of_what_one_step_makes_stands_for_all_of_it(published: Home) -> None:
    result = retail("run", "--select", "raw.drops")
    assert result.exit_code == 0, result.output
    assert f"{len(RAW_TABLES)} tables built" in result.output
    assert retail("run", "--select", "+key:core/orders").exit_code == 0


def test_reload_with_a_selection_that_loads_nothing_is_asked_wrongly(published: Home) -> None:
    result = retail("run", "--select", "core.orders", "--reload", "may.csv")
    assert result.exit_code == 2
    assert "Leave out --select, or add raw.drops to it" in result.output
    assert retail("run", "--select", "raw.drops,core.orders", "--reload", "may.csv").exit_code == 0


def test_wrong_settings_and_options_are_told_though_there_is_nothing_to_do(home: Home) -> None:
    assert retail("run", "--select", "core.nothing").exit_code == 2
    assert retail("run", "--reload", "may.csv").exit_code == 2
    home.settings_file.write_text("[core]\nrevenue_polcy = 'net'\n")
    assert retail("run").exit_code == 2


def test_report_writes_the_page_of_a_period_and_says_how_it_begins(published: Home) -> None:
    result = retail("report", "--period", "2024-05-03")
    assert result.exit_code == 0
    assert "Net sales of Friday 3 May 2024 were 14.00 from 1 order" in result.output.replace("\n", " ")
    page = published.reports / "day" / "2024-05-03.html"
    assert f"Written: {page}" in result.output
    assert "14.00" in page.read_text()


def test_report_prints_as_text_and_takes_the_last_whole_period_there_is(published: Home) -> None:
    result = retail("report", "--text")
    assert result.exit_code == 0
    assert result.output.startswith("## Daily report: ")
    assert "| Net sales |" in result.output


@pytest.mark.parametrize(
    ("period", "said"),
    [("May", "is no period"), ("2023-05", "reach from 2024-05-01 to 2024-05-03"), ("2024-13", "calendar")],
)
def test_report_of_no_period_is_asked_wrongly(published: Home, period: str, said: str) -> None:
    result = retail("report", "--period", period)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_report_before_the_first_run_says_what_to_do(home: Home) -> None:
    result = retail("report")
    assert result.exit_code == 1
    assert "retail run" in result.output


def test_an_error_that_is_meant_to_be_shown_is_and_not_its_cause(
    published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        try:
            raise OSError("the inner cause")
        except OSError as error:
            raise PublishError("The disk is full: make room.") from error

    monkeypatch.setattr(Warehouse, "replace", fail)
    monkeypatch.setattr(resource, "publish", fail)
    result = retail("run", "--full", "--select", "customers.rfm_segments")
    assert result.exit_code == 1
    assert "FAILED customers.rfm_segments: The disk is full: make room." in result.output
    assert "FAILED the run: The disk is full: make room." in result.output
    assert "inner cause" not in result.output


def test_the_instance_is_written_whole_or_not_at_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def write_half(path: Path, text: str) -> int:
        write(path, text[: len(text) // 2])
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="full"):
        prepare_dagster_home(home)
    assert list(home.dagster.iterdir()) == []


@pytest.mark.parametrize("text", ["a: [", "storage: nonsense"])
def test_a_broken_dagster_yaml_is_named(published: Home, text: str) -> None:
    (published.root / ".dagster").mkdir()
    (published.root / ".dagster" / "dagster.yaml").write_text(text)
    result = retail("run")
    assert result.exit_code == 2
    assert str(published.root / ".dagster" / "dagster.yaml") in result.output


def test_run_reports_a_refused_file_and_fails_but_loads_the_others(home: Home) -> None:
    write_drop(home, "bad.csv", "what,is,this\n1,2,3\n")
    write_drop(home, "good.csv", canonical(LINES))
    result = retail(*LOAD)
    assert result.exit_code == 1
    assert "bad.csv fits no known format" in result.output
    assert retail("sql", "select count(*) from raw.transactions", "--csv").output.splitlines()[1] == "3"


def test_reload_replaces_what_a_file_brought(published: Home) -> None:
    write_drop(published, "may.csv", canonical(LINES[:1]))
    assert retail(*LOAD, "--reload", "may.csv").exit_code == 0
    assert retail("sql", "select count(*) from raw.transactions", "--csv").output.splitlines()[1] == "1"


def test_a_removed_file_goes_with_its_lines_and_is_not_loaded_again(published: Home) -> None:
    write_drop(published, "june.csv", canonical([("9", "2024-06-01 10:00:00", "C9", "P1", "Bowl", 1, "3.50", "UK")]))
    to_orders = ("run", "--select", "+key:core/orders")
    assert retail(*to_orders).exit_code == 0
    listed = retail("drops").output
    assert "may.csv" in listed
    assert "june.csv" in listed
    removed = retail("drops", "remove", "june.csv")
    assert removed.exit_code == 0, removed.output
    assert "june.csv: removed" in removed.output
    assert (published.root / "withdrawn" / "june.csv").exists()
    for _ in range(2):
        assert retail("sql", "select count(*) as n from core.orders", "--csv").output.splitlines()[1] == "2"
        assert retail(*to_orders).exit_code == 0
    assert "june.csv" not in retail("drops").output


def test_removing_an_unknown_file_names_those_that_are_loaded(published: Home) -> None:
    result = retail("drops", "remove", "june.csv")
    assert result.exit_code == 1
    assert "june.csv is not loaded" in result.output
    assert "may.csv" in result.output


def test_reload_of_an_unknown_file_names_those_there_are(published: Home) -> None:
    result = retail("run", "--reload", "june.csv")
    assert result.exit_code == 1
    assert "june.csv is not in" in result.output
    assert "may.csv" in result.output
    assert "Traceback" not in result.output


def test_add_refuses_an_unknown_header_and_names_the_nearest_format(home: Home, tmp_path: Path) -> None:
    export = tmp_path / "odd.csv"
    export.write_text("order_id,order_ts,customer_id,product_id,product_name,quantity,country\n1,2,3,4,5,6,7\n")
    result = retail("add", str(export))
    assert result.exit_code == 1
    assert "canonical" in result.output
    assert "unit_price" in result.output
    assert not list(home.drops.iterdir())


def test_add_tells_what_will_be_rejected(home: Home, tmp_path: Path) -> None:
    export = tmp_path / "may.csv"
    export.write_text(canonical([*LINES, ("3", "soon", "C1", "P1", "Bowl", 1, "1", "UK")]))
    result = retail("add", str(export))
    assert result.exit_code == 0
    assert "1 rows will be rejected: order_ts" in result.output


def test_add_of_the_same_bytes_changes_nothing(home: Home, tmp_path: Path) -> None:
    for name in ("may.csv", "copy.csv"):
        export = tmp_path / name
        export.write_text(canonical(LINES))
        assert retail("add", str(export)).exit_code == 0
    assert [path.name for path in home.drops.iterdir()] == ["may.csv"]


def test_add_never_overwrites_another_file_of_the_same_name(home: Home, tmp_path: Path) -> None:
    export = tmp_path / "may.csv"
    export.write_text(canonical(LINES))
    retail("add", str(export))
    export.write_text(canonical(LINES[:1]))
    retail("add", str(export))
    assert sorted(path.name for path in home.drops.iterdir()) == ["may-2.csv", "may.csv"]


@pytest.mark.parametrize("has_hard_links", [True, False])
def test_a_name_that_is_taken_while_a_file_is_copied_is_left_to_who_took_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_hard_links: bool
) -> None:
    copy, link = shutil.copyfile, os.link

    def copy_while_another_adds(source: Path, target: Path) -> None:
        (home.drops / "may.csv").write_text("another")
        copy(source, target)

    def link_if_there_are_links(source: Path, target: Path) -> None:
        if not has_hard_links:
            raise PermissionError
        link(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_while_another_adds)
    monkeypatch.setattr(os, "link", link_if_there_are_links)
    export = tmp_path / "may.csv"
    export.write_text(canonical(LINES))
    target, is_new = put_into_drops(export, home)
    assert is_new
    assert target.read_text() == canonical(LINES)
    assert {path.name: path.read_text() for path in home.drops.iterdir()} == {
        "may.csv": "another",
        "may-2.csv": canonical(LINES),
    }


@pytest.mark.parametrize(
    ("name", "loaded_as"),
    [(".may.csv", "may.csv"), ("~$may.csv", "may.csv"), ("may.csv.part", "may.csv"), ("..may.tmp.PART", "may")],
)
def test_add_gives_a_name_that_is_loaded(home: Home, tmp_path: Path, name: str, loaded_as: str) -> None:
    export = tmp_path / name
    export.write_text(canonical(LINES))
    result = retail("add", str(export))
    assert result.exit_code == 0
    assert f"not as {name}: a file of such a name counts as hidden or unfinished" in result.output
    assert [drop.name for drop in list_drops(home)] == [loaded_as]


def test_add_of_an_unexpected_format_is_refused(home: Home, tmp_path: Path) -> None:
    export = tmp_path / "may.csv"
    export.write_text(canonical(LINES))
    assert retail("add", str(export), "--format", "online_retail").exit_code == 1
    wrong = retail("add", str(export), "--format", "nonsense")
    assert wrong.exit_code == 2
    assert "online_retail_ii" in wrong.output


def test_sql_prints_json_with_one_object_a_line(published: Home) -> None:
    lines = retail("sql", "select order_id, lines from core.orders order by 1", "--json").output.splitlines()
    assert [json.loads(line) for line in lines] == [{"order_id": "1", "lines": 2}, {"order_id": "2", "lines": 1}]


def test_json_has_every_column_and_only_what_json_has(published: Home) -> None:
    numbers = "'nan'::double as n, ['inf'::double, 1.5] as l"
    result = retail("sql", f"select 1 as a, 2 as a, 3 as a_1, {numbers}, map {{date '2024-05-01': 1}} as m", "--json")
    assert result.output == ('{"a": 1, "a_1": 2, "a_1_1": 3, "n": null, "l": [null, 1.5], "m": {"2024-05-01": 1}}\n')


@pytest.mark.parametrize("query", ["", " ;", "-- nothing", "select '\udcff'"])
def test_a_query_that_is_none_is_asked_wrongly(published: Home, query: str) -> None:
    assert retail("sql", query).exit_code == 2


def test_a_reader_that_has_seen_enough_ends_a_query_quietly(published: Home) -> None:
    command = [sys.executable, "-m", "retail_pipeline.cli", "sql", "select * from range(300_000)", "--csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_wrong_query_is_asked_wrongly_and_names_the_tables(published: Home) -> None:
    result = retail("sql", "select * from core.ordres")
    assert result.exit_code == 2
    assert "core.orders" in result.output


@pytest.mark.parametrize(
    "query",
    [
        "copy core.orders to '{folder}/stolen.csv'",
        "select * from read_csv('{folder}/secret.csv')",
        "attach '{folder}/other.duckdb'",
        "delete from core.orders",
        "set enable_external_access = true",
    ],
)
def test_sql_reads_the_snapshot_and_nothing_else(published: Home, tmp_path: Path, query: str) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    result = retail("sql", query.format(folder=tmp_path))
    assert result.exit_code == 2
    assert not (tmp_path / "stolen.csv").exists()
    assert not (tmp_path / "other.duckdb").exists()


def test_sql_before_the_first_run_says_what_to_do(home: Home) -> None:
    result = retail("sql", "select 1")
    assert result.exit_code == 1
    assert "retail run" in result.output


def test_status_tells_of_drops_checks_runs_and_new_files(published: Home) -> None:
    write_drop(published, "june.csv", canonical(LINES[:1]))
    result = retail("status")
    assert result.exit_code == 0
    assert "may.csv" in result.output
    assert "New files, loaded by the next run: june.csv" in result.output
    assert "0 failed" in result.output
    assert "success" in result.output


def test_status_of_an_empty_home_says_what_to_do(home: Home) -> None:
    result = retail("status")
    assert result.exit_code == 0
    assert "retail add FILE" in result.output


def test_status_tells_of_a_run_that_failed_without_publishing(published: Home) -> None:
    before = retail("status").output
    published.settings_file.write_text("[warehouse]\nlock_timeout_seconds = 0\n")
    with opened(published):
        assert retail("run").exit_code == 1
    result = retail("status")
    assert result.exit_code == 0
    assert "Gave up after" not in before
    assert "Gave up after" in result.output
    assert result.output.count("success") == before.count("success")


def test_status_tells_of_a_failed_load_and_that_raw_is_stale(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(raw_drops, "load_drops", fail)
        assert retail(*LOAD).exit_code == 1
    result = retail("status")
    assert result.exit_code == 0
    assert "Stale: raw.transactions: the last attempt failed: no space left" in result.output
    assert retail(*LOAD).exit_code == 0
    assert "Stale" not in retail("status").output


def test_a_reload_of_an_unknown_file_leaves_no_table_stale(published: Home) -> None:
    assert retail(*LOAD, "--reload", "june.csv").exit_code == 1
    result = retail("status")
    assert "Stale" not in result.output
    assert "june.csv is not in" in result.output or "failed: load_drops" in result.output


def test_status_tells_of_a_run_whose_process_died_until_another_has_run(published: Home) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AS_IT_STARTS], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    result = retail("status")
    assert result.exit_code == 0
    assert result.output.count("Died: run ") == 1
    assert retail(*LOAD).exit_code == 0
    assert "Died" not in retail("status").output


def test_a_run_of_another_process_that_ended_has_not_died(published: Home) -> None:
    for arguments in (LOAD, (*LOAD, "--reload", "june.csv"), ("run", "--select", "nonsense")):
        subprocess.run([sys.executable, "-m", "retail_pipeline.cli", *arguments], capture_output=True, check=False)
    assert "Died" not in retail("status").output


def test_status_lists_a_refused_file_that_was_mended_as_new(published: Home) -> None:
    write_drop(published, "bad.csv", "what,is,this\n1,2,3\n")
    assert retail(*LOAD).exit_code == 1
    assert "New files" not in retail("status").output
    write_drop(published, "bad.csv", canonical(LINES[:1]))
    assert "New files, loaded by the next run: bad.csv" in retail("status").output


def test_status_of_a_damaged_snapshot_says_what_to_do(published: Home) -> None:
    snapshot = published.warehouse_link.resolve()
    snapshot.chmod(0o644)
    snapshot.write_bytes(b"no database")
    result = retail("status")
    assert result.exit_code == 0
    assert "if it is damaged, delete it" in result.output


def test_status_names_a_withheld_snapshot(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_QUALITY__EARLIEST_ORDER_DATE", "2024-05-02")
    assert retail("run", "--select", "core.order_lines").exit_code == 1
    result = retail("status")
    assert "Withheld since" in result.output
    assert "may.csv, row 2" in result.output


def test_export_writes_every_table_as_csv(published: Home, tmp_path: Path) -> None:
    assert retail("export", str(tmp_path / "out")).exit_code == 0
    with (tmp_path / "out" / "core.orders.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["order_id"], row["amount"]) for row in rows] == [("1", "9.0000"), ("2", "14.0000")]
    assert (tmp_path / "out" / "customers.rfm_scores.csv").exists()


def test_export_writes_workbooks_and_parquet(published: Home, tmp_path: Path) -> None:
    assert retail("export", str(tmp_path), "--format", "xlsx", "--table", "core.orders").exit_code == 0
    sheet = openpyxl.load_workbook(tmp_path / "core.orders.xlsx").active
    rows = list(sheet.values)
    assert rows[0][:2] == ("order_id", "order_type")
    assert rows[1][0] == "1"
    assert len(rows) == 3
    assert retail("export", str(tmp_path), "--format", "parquet", "--table", "core.orders").exit_code == 0
    assert duckdb.sql(f"select count(*) from '{tmp_path}/core.orders.parquet'").fetchall() == [(2,)]


def test_exports_carry_no_formulas_into_a_spreadsheet_and_leave_numbers_alone(home: Home, tmp_path: Path) -> None:
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "fine = 1", "a-b"]
    lines = [(str(n), "2024-05-01", "C", f"P{n}", name, -1, "2.50", "UK") for n, name in enumerate(evil)]
    write_drop(home, "evil.csv", canonical(lines))
    assert refresh(home, select=LOADED).success
    for kind in ("csv", "xlsx", "parquet"):
        assert retail("export", str(tmp_path), "--format", kind, "--table", "raw.transactions").exit_code == 0
    with (tmp_path / "raw.transactions.csv").open(newline="") as file:
        in_csv = {row["order_id"]: (row["product_name"], row["quantity"]) for row in csv.DictReader(file)}
    sheet = openpyxl.load_workbook(tmp_path / "raw.transactions.xlsx").active
    assert sheet is not None
    header, *rows = sheet.iter_rows(values_only=True)
    in_sheet = {row[header.index("order_id")]: row[header.index("product_name")] for row in rows}
    defused = [f"'{name}" for name in evil[:6]] + evil[6:]
    assert [in_csv[str(n)] for n in range(8)] == [(name, "-1.0000") for name in defused]
    assert [in_sheet[str(n)] for n in range(8)] == [name.replace("\r", "_x000D_") for name in defused]
    assert all(row[header.index("quantity")] == -1 for row in rows)
    with duckdb.connect() as connection:
        names = connection.execute(f"select product_name from '{tmp_path}/raw.transactions.parquet' order by order_id")
        assert [name for (name,) in names.fetchall()] == evil


def test_export_writes_a_segments_customers_with_what_to_do(published: Home, tmp_path: Path) -> None:
    scores = run_query_rows(published, "select segment, count(*) from customers.rfm_scores group by 1")
    for segment, customers in scores:
        result = retail("export", str(tmp_path), "--segment", f" {segment.upper()} ")
        assert result.exit_code == 0, result.output
        with (tmp_path / f"segment-{segment.lower().replace(' ', '-')}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == customers
        assert {row["segment"] for row in rows} == {segment}
        assert all(row["customer_id"] and row["action"] and row["lifecycle_stage"] for row in rows)
    assert retail("export", str(tmp_path), "--segment", "at risk", "--format", "xlsx").exit_code == 0
    assert openpyxl.load_workbook(tmp_path / "segment-at-risk.xlsx").active is not None


def run_query_rows(home: Home, query: str) -> list[tuple[str, int]]:
    with open_snapshot(home) as snapshot:
        return snapshot.execute(query).fetchall()


def test_a_segments_list_carries_no_formulas(home: Home, tmp_path: Path) -> None:
    write_drop(home, "a.csv", canonical([("1", "2024-05-01", "=1+1", "P", "Pen", 1, "2.50", "=UK")]))
    assert refresh(
        home, select=up_to("customers.rfm_scores", "customers.features", "customers.segment_actions")
    ).success
    ((segment, _),) = run_query_rows(home, "select segment, count(*) from customers.rfm_scores group by 1")
    assert retail("export", str(tmp_path), "--segment", segment).exit_code == 0
    with (tmp_path / f"segment-{segment.lower().replace(' ', '-')}.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["customer_id"], row["country"]) == ("'=1+1", "'=UK")


def test_export_of_an_unknown_segment_names_the_ten(published: Home, tmp_path: Path) -> None:
    result = retail("export", str(tmp_path), "--segment", "Rich")
    assert result.exit_code == 2
    for segment in ("Champions", "At Risk", "Cannot Lose", "Hibernating"):
        assert segment in result.output
    assert retail("export", str(tmp_path), "--segment", "New", "--table", "core.orders").exit_code == 2


def test_export_of_an_unknown_table_names_those_there_are(published: Home, tmp_path: Path) -> None:
    result = retail("export", str(tmp_path), "--table", "core.nothing")
    assert result.exit_code == 2
    assert "core.orders" in result.output


def test_export_of_a_damaged_snapshot_says_what_to_do(published: Home, tmp_path: Path) -> None:
    snapshot = published.warehouse_link.resolve()
    snapshot.chmod(0o644)
    snapshot.write_bytes(b"no database")
    result = retail("export", str(tmp_path))
    assert result.exit_code == 1
    assert "if it is damaged, delete it" in result.output


def test_a_port_that_is_none_is_asked_wrongly(home: Home) -> None:
    assert retail("ui", "--port", "99999").exit_code == 2


def test_the_home_is_printed_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "[red]shop[/red]"
    for command in ("status", "run"):
        assert str(folder) in retail("--home", str(folder), command).output


def test_a_wrong_setting_is_asked_wrongly(home: Home) -> None:
    home.settings_file.write_text("[core]\nrevenue_polcy = 'net'\n")
    write_drop(home, "may.csv", canonical(LINES))
    result = retail("run")
    assert result.exit_code == 2
    assert "core.revenue_polcy is no setting" in result.output
    assert "revenue_policy" in result.output


def test_simulate_writes_a_store_of_the_asked_size(tmp_path: Path) -> None:
    result = retail("simulate", str(tmp_path / "shop"), "--customers", "50", "--end", "2022-09-30")
    assert result.exit_code == 0
    assert "50 customers" in result.output
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == [
        *(f"transactions-2022-0{month}.csv" for month in (7, 8, 9)),
        "truth",
    ]


def test_simulate_takes_any_parameter_by_the_name_it_shows(tmp_path: Path) -> None:
    shown = retail("simulate", "--preset", "small", "--set", "tiers.premium.alpha=40", "--show")
    assert shown.exit_code == 0
    assert "tiers.premium.alpha=40" in shown.output
    assert "dirt.guests=0.08    # Share of the orders" in shown.output
    arguments = ("simulate", str(tmp_path / "shop"), "--preset", "btyd", "--customers", "40", "--end", "2022-08-31")
    settings = ("--set", "currency=EUR", "--set", "seasons.weekdays=[1, 1, 1, 1, 1, 1, 0.001]")
    result = retail(*arguments, *settings, "--kind", "parquet", "--per", "all")
    assert result.exit_code == 0
    (path,) = (tmp_path / "shop").glob("*.parquet")
    with duckdb.connect() as connection:
        query = f"select distinct currency, isodow(order_ts) from '{path}'"
        rows = connection.execute(query).fetchall()
    assert {currency for currency, _ in rows} == {"EUR"}
    assert 7 not in {weekday for _, weekday in rows}


def test_what_simulate_shows_can_be_set() -> None:
    shown = retail("simulate", "--preset", "demo", "--show").output
    settings = [part for line in shown.splitlines() for part in ("--set", line.split("    # ")[0])]
    assert len(settings) > 300
    again = retail("simulate", "--preset", "demo", *settings, "--show")
    assert again.output == shown


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("dirt.gusts=1", "gusts is none of guests, returns"),
        ("tiers.premium=1", "say which of its values: tiers.premium.name"),
        ("customers.few=1", "nothing that has a name is above few"),
        ("dirt.guests", "write it as NAME=VALUE"),
        ("dirt.guests=many", "dirt.guests: Input should be a valid number"),
    ],
)
def test_simulate_says_what_is_wrong_with_a_setting(tmp_path: Path, setting: str, said: str) -> None:
    result = retail("simulate", str(tmp_path / "shop"), "--set", setting)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "shop").exists()


def test_simulate_needs_to_know_where_to() -> None:
    result = retail("simulate")
    assert result.exit_code == 2
    assert "FOLDER" in result.output


def test_simulate_replaces_no_file_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    arguments = ("simulate", str(folder), "--customers", "50", "--end", "2022-08-31")
    assert retail(*arguments).exit_code == 0
    own = folder / "transactions-2022-08.csv"
    before = (folder / "transactions-2022-07.csv").read_bytes()
    own.write_text("a shop's own")
    result = retail(*arguments, "--seed", "8")
    assert result.exit_code == 2
    assert "transactions-2022-08.csv is there already" in result.output
    assert own.read_text() == "a shop's own"
    assert (folder / "transactions-2022-07.csv").read_bytes() == before
    own.unlink()
    assert retail(*arguments, "--seed", "8").exit_code == 0


def test_simulate_refuses_impossible_numbers(tmp_path: Path) -> None:
    result = retail("simulate", str(tmp_path), "--customers", "0")
    assert result.exit_code == 2
    assert "customers" in result.output


def test_demo_leads_from_nothing_to_a_printed_result(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("RETAIL_HOME", "DAGSTER_HOME")}
    quick = {"HORIZON_DAYS": "[30]", "CHURN_DAYS": "30", "CUTOFFS": "2", "MOST_CUSTOMERS": "1000"}
    environment |= {f"RETAIL_PREDICTION__{name}": value for name, value in quick.items()}
    result = subprocess.run(
        [sys.executable, "-m", "retail_pipeline.cli", "demo"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Champions" in result.stdout
    assert (tmp_path / "data" / "demo" / "warehouse.duckdb").is_symlink()


def test_piped_output_is_plain_text(published: Home) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "retail_pipeline.cli", "sql", "select 'a,b' as x, null as y", "--csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(csv.reader(io.StringIO(result.stdout))) == [["x", "y"], ["a,b", ""]]
    assert "\x1b" not in result.stdout
