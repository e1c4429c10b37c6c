"""A shop as files, seen from outside: read back with the csv module and DuckDB, not with our readers."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retail_pipeline.console.simulate import flat_parameters
from retail_pipeline.errors import SettingsError, SimulationError
from retail_pipeline.simulator import PRESETS, SimulationSummary, StoreParameters, preset, simulate_store
from retail_pipeline.simulator import store as store_module
from retail_pipeline.simulator.truth import TRUTH_FILES
from retail_pipeline_tests.simulator.shops import ALL_DIRT

HEADER = (
    "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,line_no,currency,channel,"
    "discount,status,category"
)
DIRTY: dict[str, Any] = {"customers": 150, "start": date(2023, 1, 1), "end": date(2023, 4, 30), "dirt": ALL_DIRT}
CLEAN: dict[str, Any] = {**DIRTY, "dirt": dict.fromkeys(ALL_DIRT, 0.0) | {"return_days": 11.0}}


def written(folder: Path, name: str = "small", **changes: Any) -> SimulationSummary:
    how = {key: changes.pop(key) for key in ("per", "kind", "format") if key in changes}
    return simulate_store(folder, preset(name, **changes), **how)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return written(tmp_path_factory.mktemp("dirty"), **DIRTY)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return written(tmp_path_factory.mktemp("clean"), **CLEAN)


def query(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def rows_of(summary: SimulationSummary) -> list[list[str]]:
    found = []
    for path in summary.files:
        with path.open(encoding="utf-8", newline="") as file:
            found += list(csv.reader(file))[1:]
    return found


def digest(folder: Path) -> str:
    """Of all files but the note of their times."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


# --- files


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_equal_parameters_give_equal_bytes_in_another_process_on_any_number_of_cores(tmp_path: Path, kind: str) -> None:
    script = (
        "import json, os, pathlib, sys; os.cpu_count = lambda: 7;"
        "from retail_pipeline.simulator import StoreParameters, simulate_store;"
        "parameters = StoreParameters(**json.load(open(sys.argv[2])));"
        "simulate_store(pathlib.Path(sys.argv[1]), parameters, kind=sys.argv[3])"
    )
    parameters = preset("small", **DIRTY)
    (tmp_path / "parameters.json").write_text(parameters.model_dump_json())
    environment = {
        **os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path(__file__).parents[2])
    }  # fmt: skip
    command = [sys.executable, "-c", script, str(tmp_path / "there"), str(tmp_path / "parameters.json"), kind]
    subprocess.run(command, check=True, env=environment)
    simulate_store(tmp_path / "here", parameters, kind=kind)  # type: ignore[arg-type]
    assert digest(tmp_path / "here") == digest(tmp_path / "there")


def test_windows_and_chunks_of_any_size_give_equal_lines(
    tmp_path: Path, dirty: SimulationSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ORDERS_AT_ONCE", 7)
    monkeypatch.setattr(store_module, "WINDOW_ORDERS", 50)
    other = written(tmp_path, **DIRTY)
    found, expected = (Counter(tuple(row) for row in rows_of(each) if is_readable(row)) for each in (other, dirty))
    assert found == expected
    assert other.rows == dirty.rows


def test_another_seed_gives_another_shop(tmp_path: Path, clean: SimulationSummary) -> None:
    other = written(tmp_path, **CLEAN, seed=8)
    assert other.net_amount != clean.net_amount


def test_every_month_has_one_file_with_its_lines_and_nothing_else_is_left(clean: SimulationSummary) -> None:
    expected = [f"transactions-2023-0{month}.csv" for month in (1, 2, 3, 4)]
    assert [path.name for path in clean.files] == expected
    folder = next(iter(clean.files)).parent
    assert sorted(path.name for path in folder.iterdir()) == [*expected, "truth"]
    for path, rows in clean.files.items():
        lines = path.read_text("utf-8").splitlines()
        assert lines[0] == HEADER
        assert len(lines) == rows + 1
        assert {line.split(",")[1][:7] for line in lines[1:]} == {path.stem.removeprefix("transactions-")}


@pytest.mark.parametrize(
    ("per", "files", "first"),
    [
        ("day", 120, "transactions-2023-01-01"),
        ("week", 18, "transactions-2022-W52"),
        ("month", 4, "transactions-2023-01"),
        ("all", 1, "transactions"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lines_are_the_same_however_they_are_cut(
    tmp_path: Path, clean: SimulationSummary, per: str, files: int, first: str, kind: str
) -> None:
    summary = written(tmp_path, **CLEAN, per=per, kind=kind)
    assert len(summary.files) == files
    assert min(path.name for path in summary.files) == f"{first}.{kind}"
    read = (
        f"read_{kind}('{tmp_path}/*.{kind}')"
        if kind == "parquet"
        else f"read_csv('{tmp_path}/*.csv', all_varchar = true)"
    )
    texts = ", ".join(f"{name}::varchar" for name in HEADER.split(","))
    found = query(f"select {texts} from {read}")
    assert Counter(found) == Counter(tuple(cell or None for cell in row) for row in rows_of(clean))


def test_a_file_repeats_the_last_days_of_the_one_before_where_exports_overlap(tmp_path: Path) -> None:
    asked = {**CLEAN, "dirt": {**CLEAN["dirt"], "overlap_days": 5}}
    summary = written(tmp_path, **asked)
    texts = [path.read_text().splitlines()[1:] for path in summary.files]
    repeated = 0
    for (earlier, later), month in zip(pairwise(texts), (2, 3, 4), strict=True):
        from_day = str(date(2023, month, 1) - timedelta(5))
        last_days = [line for line in earlier if line.split(",")[1] >= from_day]
        assert later[: len(last_days)] == last_days
        assert all(line.split(",")[1] >= f"2023-0{month}" for line in later[len(last_days) :])
        repeated += len(last_days)
    assert repeated > 50


def test_a_day_without_trade_gets_a_header_only(tmp_path: Path) -> None:
    summary = written(tmp_path, **{**CLEAN, "customers": 1}, per="day")
    assert min(summary.files.values()) == 0
    assert {path.read_text().splitlines()[0] for path in summary.files} == {HEADER}


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("change", [{}, {"customers": 10}, {"per": "week"}, {"kind": "parquet"}, {"format": "etsy"}])
def test_a_second_run_replaces_all_of_the_first_and_nothing_else(tmp_path: Path, change: dict[str, Any]) -> None:
    written(tmp_path / "again", **CLEAN)
    (tmp_path / "again" / "notes.csv").write_text("kept")
    for folder in ("again", "fresh"):
        written(tmp_path / folder, **{**CLEAN, **change})
    assert files_in(tmp_path / "again") == {"notes.csv", *files_in(tmp_path / "fresh")}
    (tmp_path / "again" / "notes.csv").unlink()
    assert digest(tmp_path / "again") == digest(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["transactions-2023-03.csv", "truth/customers.parquet", "truth/parameters.json"])
def test_a_file_of_another_is_not_replaced(tmp_path: Path, name: str) -> None:
    own = tmp_path / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("a shop's own\n")
    with pytest.raises(SettingsError, match=rf"{own.name} is there already and is no simulated file"):
        written(tmp_path, **CLEAN)
    assert files_in(tmp_path) == {name}
    own.unlink()
    written(tmp_path, **CLEAN)
    own.write_text("changed since\n")
    with pytest.raises(SettingsError, match="was changed since it was simulated"):
        written(tmp_path, **CLEAN)
    assert own.read_text() == "changed since\n"


def test_nothing_is_left_of_a_simulation_that_breaks_off(tmp_path: Path) -> None:
    def stop(done: int, days: int) -> None:
        raise KeyboardInterrupt

    written(tmp_path, **CLEAN)
    (tmp_path / "notes.txt").write_text("kept")
    with pytest.raises(KeyboardInterrupt):
        simulate_store(tmp_path, preset("small", **CLEAN), progress=stop)
    assert files_in(tmp_path) == {"notes.txt"}


def test_a_killed_simulation_is_begun_anew_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys; from retail_pipeline.simulator import preset, simulate_store;"
        "kill = lambda done, days: done > 60 and os.kill(os.getpid(), signal.SIGKILL);"
        "simulate_store(pathlib.Path(sys.argv[1]), preset('small', customers=150), per='day', progress=kill)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*.csv"))) > 30
    summary = written(tmp_path, **CLEAN)
    assert files_in(tmp_path) == {
        *(path.name for path in summary.files),
        *(f"truth/{name}" for name in (*TRUTH_FILES, ".simulated.json")),
    }


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SimulationError, match=r"file/shop cannot be written.*Not a directory"):
        written(tmp_path / "file" / "shop", **CLEAN)


def test_the_truth_stands_beside_a_folder_of_drops(tmp_path: Path) -> None:
    summary = written(tmp_path / "drops", **CLEAN)
    assert summary.truth == tmp_path / "truth"
    assert {path.suffix for path in (tmp_path / "drops").iterdir()} == {".csv"}


def test_progress_is_told_up_to_the_last_day(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    simulate_store(tmp_path, preset("small", **CLEAN), progress=lambda *done: told.append(done))
    assert told[-1] == (120, 120)
    assert sorted(told) == told


# --- dirt


def is_readable(row: list[str]) -> bool:
    try:
        datetime.fromisoformat(row[1])
        int(row[5])
        Decimal(row[6])
    except (ValueError, ArithmeticError, IndexError):
        return False
    return len(row) == 14 and bool(row[0])


def test_dirt_is_as_frequent_as_asked_and_costs_no_true_line(dirty: SimulationSummary) -> None:
    rows = rows_of(dirty)
    readable = [tuple(row) for row in rows if is_readable(row)]
    true_lines = sum(dirty.lines.values())
    once = set(readable)
    assert len(once) == true_lines
    assert dirty.unreadable_rows == len(rows) - len(readable)
    assert dirty.repeated_rows == len(readable) - len(once)
    for count, share in (
        (dirty.unreadable_rows, 0.01),
        (dirty.repeated_rows, 0.02),
        (sum(not row[4] for row in once), 0.02),
        (sum(row[4] != row[4].strip() for row in once), 0.02 * 0.98),
    ):
        expected = share * true_lines
        assert abs(count - expected) < 4 * sqrt(expected)
    assert dirty.guest_lines == sum(not row[2] for row in once if row[12] not in ("test", "correction"))


def test_case_is_mixed_only_where_it_tells_no_codes_apart(dirty: SimulationSummary) -> None:
    assert all(row[3].isupper() for row in rows_of(dirty) if is_readable(row))


def test_a_clean_shop_has_no_dirt(clean: SimulationSummary) -> None:
    rows = rows_of(clean)
    assert all(is_readable(row) for row in rows)
    assert len({tuple(row) for row in rows}) == len(rows) == clean.lines["sale"] == clean.rows
    assert all(row[4] and row[4] == row[4].strip() for row in rows)


def test_names_with_commas_quotes_and_accents_survive_csv(tmp_path: Path) -> None:
    names = {row[4] for row in rows_of(written(tmp_path, **{**CLEAN, "customers": 2_000}))}
    assert {"Plates, set of 4", 'Picture frame 8" x 10"', "Café au lait jug"} <= names


def test_a_product_has_one_code_name_and_category(clean: SimulationSummary) -> None:
    seen = {(row[3], row[4], row[13]) for row in rows_of(clean)}
    assert len(seen) == len({row[3] for row in rows_of(clean)}) == len({row[4] for row in rows_of(clean)})


# --- summary and truth


def test_summary_and_truth_agree_with_the_files_to_the_penny(dirty: SimulationSummary) -> None:
    once = {tuple(row) for row in rows_of(dirty) if is_readable(row)}
    trade = [row for row in once if row[12] not in ("test", "correction")]
    amounts: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in trade:
        amounts[row[1][:10], row[7], row[12]] += int(row[5]) * Decimal(row[6]) - Decimal(row[11])
    assert dirty.net_amount == sum(amounts.values())
    assert dirty.orders == len({row[0] for row in trade if row[12] == "completed"})
    names = ("day", "region", "gross_sales", "discounts", "returns", "cancellations", "net_sales")
    true_days = query(f"select {', '.join(names)} from '{dirty.truth}/days.parquet'")
    assert len(true_days) == 120 * 4
    for values in true_days:
        day = dict(zip(names, values, strict=True))
        key = (str(day["day"]), day["region"])
        assert day["gross_sales"] - day["discounts"] == amounts[(*key, "completed")]
        assert day["returns"] == -amounts[(*key, "returned")]
        assert day["cancellations"] == -amounts[(*key, "cancelled")]
        assert day["net_sales"] == sum(amounts[(*key, kind)] for kind in ("completed", "returned", "cancelled"))


def test_an_outage_leaves_its_day_out_of_the_files_and_in_the_truth(tmp_path: Path) -> None:
    event = {"kind": "outage", "name": "failed", "first": date(2023, 2, 10), "last": date(2023, 2, 11)}
    summary = written(tmp_path, **CLEAN, events=(event,))
    assert not {row[1][:10] for row in rows_of(summary)} & {"2023-02-10", "2023-02-11"}
    lost = query(f"select distinct day::varchar from '{summary.truth}/days.parquet' where not is_exported order by 1")
    assert lost == [("2023-02-10",), ("2023-02-11",)]
    ((orders,),) = query(f"select sum(orders) from '{summary.truth}/days.parquet' where not is_exported")
    assert 0 < orders <= summary.missing_lines


def test_the_truth_tells_of_every_customer_product_promotion_and_event(tmp_path: Path) -> None:
    summary = written(tmp_path, "demo", customers=200, end=date(2023, 12, 31))
    counts = {
        name: len(query(f"from '{summary.truth}/{name}.parquet'"))
        for name in ("customers", "products", "events", "pairs")
    }
    # every third bundle is of three products, which make three pairs
    pairs = 8 * 1 + 4 * 3 + 6
    assert counts == {"customers": 200, "products": 400, "events": 5, "pairs": pairs}
    parameters = json.loads((summary.truth / "parameters.json").read_text())
    assert StoreParameters(**parameters) == summary.parameters


# --- parameters


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"customers": 0}, "customers"),
        ({"catalogue": {"products": 99_999}}, r"catalogue\.products"),
        ({"dirt": {"guests": -0.1}}, r"dirt\.guests"),
        ({"start": "2024-02-30"}, "start"),
        ({"start": date(2024, 1, 2), "end": date(2024, 1, 1)}, "end"),
        ({"newcomers_until": date(2020, 1, 1)}, "newcomers_until"),
        ({"seasons": {"opening_hour": 12, "closing_hour": 12}}, "closing_hour"),
        ({"seasons": {"months": (1.0,) * 11}}, r"seasons\.months"),
        ({"seasons": {"holidays": [{"name": "odd", "first": "07-14", "last": "07-01"}]}}, "odd"),
        ({"catalogue": {"products": 60}}, "bundles and substitutes need"),
        ({"tiers": ()}, "tiers"),
        ({"tiers": 3}, "tiers must be a list"),
        ({"tiers": [{"name": "best", "share": -1}]}, r"tiers\.best\.share.*; tiers\.best\.r is missing"),
        ({"custmers": 10}, "custmers"),
        ({"tastes": [{"name": "odd", "share": 1, "favourites": {"gardn": 2}}]}, "gardn"),
        ({"events": [{"kind": "slump", "name": "x", "first": "2024-01-01", "region": "Atlantis"}]}, "Atlantis"),
        ({"events": [{"kind": "viral", "name": "x", "first": "2024-01-01"}]}, "product_rank"),
        ({"events": [{"kind": "viral", "name": "x", "first": "2024-01-01", "product_rank": 999}]}, "than the 400"),
        ({"promotions": {"discounts": ()}}, r"promotions\.discounts"),
        ({"regions": [{"name": "Spain", "share": 1}] * 2}, "called alike"),
        ({"seasons": {"holidays": [{"name": "odd", "first": "02-30", "last": "03-01"}]}}, "odd.first"),
        ({"value_days": 10**9}, "value_days"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        preset("demo", **wrong)


ALL_GONE = [
    {"kind": "stock_out", "name": str(rank), "first": "2022-08-01", "product_rank": rank} for rank in range(1, 9)
]
SHELVES = [{"name": str(number), "share": 1, "price": 10} for number in range(20)]
EVEN = {"tastes": [{"name": "even", "share": 1}], "events": ()}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tiers": [{**dict(preset("demo").tiers[0]), "gamma": 1e5}]}, r"tiers\.premium: an order of .* products"),
        (
            {**EVEN, "catalogue": {"products": 24, "categories": SHELVES}, "baskets": {"bundles": 0}},
            r"substitutes 6 .*4",
        ),
        (
            {"baskets": {"bundles": 0, "substitutes": 0}, "catalogue": {"products": 8}, "events": ALL_GONE},
            "2022-08-01 all products are out of stock",
        ),
    ],
)
def test_a_shop_that_cannot_be_is_refused_and_nothing_is_left(
    tmp_path: Path, wrong: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        written(tmp_path, "demo", customers=20, **wrong)
    assert files_in(tmp_path) == set()


def test_there_is_no_preset_of_another_name() -> None:
    with pytest.raises(SettingsError, match="grocery; there are demo, small"):
        preset("grocery")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_shop(name: str, tmp_path: Path) -> None:
    summary = written(tmp_path, name, customers=30, end=date(2022, 9, 30))
    assert summary.rows > 30


def test_every_parameter_says_what_it_is() -> None:
    told = list(flat_parameters(preset("demo")))
    assert len(told) > 200
    assert [name for name, _, meaning in told if not meaning and not name.endswith(".name")] == []
