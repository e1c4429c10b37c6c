"""``retail forget``: nothing tells who it was any more, and every total stays."""

import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from retail_pipeline.cli import main
from retail_pipeline.home import Home
from retail_pipeline.ingest.privacy import Pseudonyms, read_key
from retail_pipeline.warehouse.snapshot import current_snapshot, snapshots
from retail_pipeline_tests.assets.store_tables import up_to
from retail_pipeline_tests.ingest.exports import export, shopify_line, shopify_order
from retail_pipeline_tests.stores import LOADED, canonical, refresh, write_drop

ADA = "ada@example.com"
MUG = [shopify_line("Mug", 2, "30.00", "MUG")]
TOTALS = (
    "select (select (count(*), sum(amount), count(distinct customer_id)) from core.order_lines), "
    "(select (count(*), sum(monetary)) from customers.rfm_scores), (select count(*) from raw.rejected_rows)"
)


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(home.root))
    monkeypatch.setenv("DAGSTER_HOME", str(home.root / ".dagster"))


def retail(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def shopify(number: int, email: str) -> list[object]:
    return shopify_order(f"#{number}", MUG, Email=email, created=f"2026-03-0{number} 10:00:00 -0500")  # type: ignore[return-value]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two customers and three snapshots, in each of which Ada is; one of her lines was rejected."""
    home = Home(tmp_path_factory.mktemp("forget") / "store").create()
    for number in (1, 2, 3):
        rows = [*shopify(number, ADA if number != 2 else "Ada@Example.com "), *shopify(number + 3, "bo@example.com")]
        write_drop(home, f"night-{number}.csv", export("shopify", rows))  # type: ignore[arg-type]
        if number < 3:
            assert refresh(home, select=up_to("customers.rfm_scores")).success
    lines = [(f"{order}", "2026-03-03", "c", "P", "Pen", 1, "2", "UK") for order in range(9)]
    write_drop(home, "own.csv", canonical([("9", "soon", ADA, "P", "Pen", 1, "2", "UK"), *lines]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETAIL_HOME", str(home.root))
        patch.setenv("DAGSTER_HOME", str(home.root / ".dagster"))
        assert retail("run").exit_code == 0
    return home


@pytest.fixture
def store(home: Home, prepared: Home) -> Home:
    """A copy of it."""
    shutil.copytree(prepared.root, home.root, symlinks=True, dirs_exist_ok=True)
    return home


def totals(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(TOTALS).fetchall()


def everything_in(path: Path) -> str:
    """All texts of all tables."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        return "\n".join(str(connection.execute(f"from {table}").fetchall()) for (table,) in tables)


def test_a_forgotten_customer_is_nowhere_and_totals_stay(store: Home) -> None:
    before = [totals(path) for path in snapshots(store)]
    hashed = Pseudonyms(read_key(store)).of_customer(ADA)
    assert all(hashed in everything_in(path) for path in snapshots(store))
    result = retail("forget", ADA)
    assert result.exit_code == 0, result.output
    assert "3 lines now stand under forgotten-" in result.output
    assert "night-1.csv, night-2.csv, night-3.csv" in result.output
    kept = snapshots(store)
    assert len(kept) == 3
    assert [totals(path) for path in kept] == [*before[1:], before[-1]]
    for path in [*kept, store.working_database]:
        found = everything_in(path).lower()
        assert hashed not in found
        assert ADA not in found
        assert ADA.encode() not in path.read_bytes()
        assert hashed.encode() not in path.read_bytes()
    assert current_snapshot(store) == kept[-1]


def test_what_comes_again_of_a_forgotten_customer_is_a_guests(store: Home) -> None:
    assert retail("forget", ADA).exit_code == 0
    write_drop(store, "night-4.csv", export("shopify", shopify(3, ADA) + shopify(7, ADA)))  # type: ignore[arg-type]
    assert retail("run", "--select", "+key:core/orders").exit_code == 0
    with duckdb.connect(str(store.warehouse_link), read_only=True) as connection:
        rows = connection.execute(
            "select order_id, is_guest from core.orders where order_id in ('#3', '#7')"
        ).fetchall()
    assert sorted(rows) == [("#3", True), ("#7", True)]


def test_a_customer_can_be_forgotten_by_the_id_in_the_tables(store: Home) -> None:
    hashed = Pseudonyms(read_key(store)).of_customer("bo@example.com")
    assert retail("forget", hashed).exit_code == 0
    assert all(hashed not in everything_in(path) for path in snapshots(store))


def test_nothing_personal_is_in_what_dagster_keeps(store: Home) -> None:
    hashed = Pseudonyms(read_key(store)).of_customer(ADA)
    for path in (store.root / ".dagster").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert ADA.encode() not in content
            assert hashed.encode() not in content


def test_a_number_is_forgotten_as_a_whole_and_not_where_it_is_part_of_others(home: Home) -> None:
    good = [
        (f"{order}", "2026-03-03", customer, "P", "Pen", 1, "2", "UK") for order, customer in enumerate(["5", "55"] * 5)
    ]
    bad = [("90", "soon", "5", "P", "Pen", 1, "2", "UK"), ("91", "soon", "55", "P", "Pen", 1, "2", "UK")]
    write_drop(home, "a.csv", canonical([*good, *bad]))
    assert refresh(home, select=LOADED).success
    assert retail("forget", "5").exit_code == 0
    with duckdb.connect(str(home.warehouse_link), read_only=True) as connection:
        ids = connection.execute("select distinct left(customer_id, 9) from raw.transactions order by 1").fetchall()
        texts = connection.execute("select raw from raw.rejected_rows order by source_row").fetchall()
    assert ids == [("55",), ("forgotten",)]
    assert [text for (text,) in texts] == ["[forgotten]", "91,soon,55,P,Pen,1,2,UK"]


def test_forgetting_in_an_empty_home_says_so(home: Home) -> None:
    result = retail("forget", ADA)
    assert result.exit_code == 0
    assert "nobody to forget" in result.output
