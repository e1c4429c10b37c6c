"""Recommendations as tables: from lines to lists, measured out of time, and nothing offered that should not be."""

import json
import random
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from retail_pipeline.assets.baskets.recommendations import METRICS_TABLE, RECOMMENDATIONS_TABLE, TABLES
from retail_pipeline.assets.baskets.recommender_training import KINDS, SUBJECT
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.definitions import CHECKS
from retail_pipeline.errors import ModelError
from retail_pipeline.home import Home
from retail_pipeline.saved_models import load_model
from retail_pipeline.settings import load_settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import built, one_row, online_retail_csv, rows_of
from retail_pipeline_tests.stores import opened, write_drop

QUICK = """
[baskets]
in_range_days = 30
[recommendations]
horizon_days = 14
least_customers = 20
factors = 2
least_together = 1
per_customer = 6
per_product = 4
"""
LAST_DAY = date(2011, 6, 30)
DAYS = 120
TASTES = {"TEA": [f"TEA{number}" for number in range(40)], "TOY": [f"TOY{number}" for number in range(40)]}
ONLY = ("core", "customers.undone_lines", *(table.name for table in TABLES))
BUILT = [check for check in CHECKS if check.table in {table.name for table in TABLES}]

Line = list[object]


def line(order: str, product: str, day: date, customer: str, quantity: int = 1) -> Line:
    return [order, product, product.lower(), quantity, f"{day.month}/{day.day}/{day.year} 10:00", "2.50", customer, "X"]


def lines_of_a_shop(last_day: date = LAST_DAY, days: int = DAYS, seed: int = 1) -> list[Line]:
    """Sixty customers who order, every ten days, three of forty products of their taste and postage; OLD is old."""
    draws = random.Random(seed)
    lines = [line("1", "OLD", last_day - timedelta(days=90), "C00"), line("2", "ONCE", last_day, "C02")]
    for customer in range(60):
        taste = TASTES["TEA" if customer % 2 else "TOY"]
        for day in range(customer % 10, days, 10):
            order = f"{customer}0{day}"
            bought = [*draws.sample(taste, 3), "POST"]
            lines += [
                line(order, product, last_day - timedelta(days=days - 1 - day), f"C{customer:02}") for product in bought
            ]
    # a guest's basket, of what no customer buys in one order
    lines += [line(f"8{number}", product, last_day, "") for number in range(9) for product in ("TEA0", "TOY0")]
    # what C00 bought of the other taste came back as a whole
    lines.append(line("91", "TEA5", last_day - timedelta(days=3), "C00", 2))
    lines.append(line("C92", "TEA5", last_day - timedelta(days=2), "C00", -2))
    return lines


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("shop")).create()
    home.settings_file.write_text(QUICK)
    write_drop(home, "a.csv", online_retail_csv(lines_of_a_shop()))
    with built(home, only=ONLY):
        pass
    return home


@pytest.fixture(scope="module")
def measured(shop: Home) -> Iterator[Warehouse]:
    """The shop's tables, to look at only."""
    with opened(shop) as warehouse:
        yield warehouse


@pytest.fixture
def copy(shop: Home, measured: Warehouse, tmp_path: Path) -> Home:
    """The shop, for a test that changes it."""
    measured.execute("checkpoint")
    home = Home(tmp_path / "store")
    shutil.copytree(shop.root, home.root, ignore=shutil.ignore_patterns("*.lock"))
    return home


def rebuild(home: Home, *, training: bool = False) -> tuple[str, list[dict[str, object]]]:
    """Build the tables again; returns the choice's id and all recommendations."""
    with opened(home) as warehouse:
        trained = Warehouse(warehouse.connection, home, load_settings(home), "second-run", training=training)
        for table in TABLES:
            build_frame_table(trained, table)
        assert [check.find(trained).message for check in BUILT if not check.find(trained).passed] == []
        return str(trained.value(f"select min(saved_as) from {METRICS_TABLE.name}")), offers(trained)


def offers(warehouse: Warehouse) -> list[dict[str, object]]:
    return rows_of(warehouse, RECOMMENDATIONS_TABLE.name)


def reason(home: Home) -> str:
    saved = load_model(home.models / SUBJECT)
    assert saved
    return str(saved.notes["reason"])


def test_checks_pass_and_every_kind_has_lists(measured: Warehouse) -> None:
    assert [check.find(measured).message for check in BUILT if not check.find(measured).passed] == []
    kinds = rows_of(measured, "select kind, max(rank) as n from baskets.recommendations group by 1")
    assert {row["kind"]: row["n"] for row in kinds} == {
        "bought_together": 4, "customers_also_bought": 4, "for_customer": 6, "new_for_customer": 6,
    }  # fmt: skip


def test_neither_charges_nor_what_is_out_of_range_is_offered(measured: Warehouse) -> None:
    offered = "select distinct product_id from baskets.recommendations union select for_product_id from {0}"
    names = {row["product_id"] for row in rows_of(measured, offered.format("baskets.recommendations"))}
    assert names - {None} <= {*TASTES["TEA"], *TASTES["TOY"], "ONCE"}


def test_customers_are_offered_their_taste_and_as_new_what_they_do_not_have(measured: Warehouse) -> None:
    of_taste = one_row(
        measured,
        "select avg(case when (substr(product_id, 1, 3) = 'TEA') = (cast(substr(customer_id, 2) as int) % 2 = 1) "
        "then 1 else 0 end) as share from baskets.recommendations where kind = 'for_customer'",
    )
    assert of_taste["share"] > 0.95
    reasons = rows_of(measured, "select distinct kind, reason, orders > 0 as had from baskets.recommendations "
                                "where customer_id is not null and reason <> 'popular' order by all")  # fmt: skip
    assert {(row["reason"], row["had"]) for row in reasons} <= {("bought before", True), ("like", False)}
    assert {row["had"] for row in reasons if row["kind"] == "new_for_customer"} <= {False}


def test_what_came_back_as_a_whole_was_not_bought(measured: Warehouse) -> None:
    row = rows_of(
        measured,
        "select orders from baskets.recommendations where customer_id = 'C00' and product_id = 'TEA5' and orders > 0",
    )
    assert row == []


def test_evidence_is_the_number_of_orders_and_of_customers_with_both(measured: Warehouse) -> None:
    wrong = rows_of(
        measured,
        """
        with bought as (
            select order_id, customer_id, product_id
            from core.order_lines
            where line_type = 'sale' and order_id <> '91'
        ),
        in_one_order as (
            select a.product_id as a, b.product_id as b, count(distinct a.order_id) as orders
            from bought as a join bought as b on a.order_id = b.order_id group by all
        ),
        by_one_customer as (
            select a.product_id as a, b.product_id as b, count(distinct a.customer_id) as customers
            from bought as a join bought as b on a.customer_id = b.customer_id group by all
        )
        select *
        from baskets.recommendations as offered
        left join in_one_order as pairs on pairs.a = offered.for_product_id and pairs.b = offered.product_id
        left join by_one_customer as same on same.a = offered.for_product_id and same.b = offered.product_id
        where (kind = 'bought_together' and offered.orders <> coalesce(pairs.orders, 0))
            or (kind = 'customers_also_bought' and offered.customers <> coalesce(same.customers, 0))
        """,
    )
    assert wrong == []


def test_guests_count_in_baskets_and_get_no_list(measured: Warehouse) -> None:
    row = one_row(
        measured,
        "select orders from baskets.recommendations where kind = 'bought_together' and for_product_id = 'TEA0' "
        "and product_id = 'TOY0'",
    )
    assert row["orders"] == 9
    customers = "select count(distinct customer_id) from baskets.recommendations where kind = 'for_customer'"
    assert measured.value(customers) == 60


def test_windows_follow_each_other_end_with_the_data_and_the_last_is_the_test(measured: Warehouse) -> None:
    rows = rows_of(measured, "select distinct cutoff, split from baskets.recommender_metrics order by 1")
    end = LAST_DAY + timedelta(days=1)
    assert [(row["cutoff"], row["split"]) for row in rows] == [
        (end - timedelta(days=42), "validation"), (end - timedelta(days=28), "validation"),
        (end - timedelta(days=14), "test"),
    ]  # fmt: skip


def test_taste_beats_popularity_and_the_champion_serves(measured: Warehouse) -> None:
    champions = rows_of(
        measured, "select distinct task, model from baskets.recommender_metrics where is_champion order by 1"
    )
    by_task = {row["task"]: row["model"] for row in champions}
    assert set(by_task) == {
        "bought_together_14d", "customers_also_bought_14d", "recommend_14d", "recommend_new_14d",
    }  # fmt: skip
    assert by_task["bought_together_14d"].startswith("co_purchase")
    served = rows_of(measured, "select distinct kind, model from baskets.recommendations")
    assert {row["model"] for row in served if row["kind"] == "for_customer"} == {by_task["recommend_14d"]}
    hit = (
        "select value from baskets.recommender_metrics where task = 'recommend_14d' and split = 'test' and metric = $m "
    )
    better = measured.value(hit + "and model = 'buy_again'", {"m": "ndcg_at_5"})
    assert better > measured.value(hit + "and model = 'popularity'", {"m": "ndcg_at_5"})


def test_the_materialisation_tells_champions_reasons_and_pictures(measured: Warehouse) -> None:
    told = METRICS_TABLE.tell(measured)
    for kind in KINDS:
        assert "beyond chance" in told[f"champion_{kind}"]
        assert "data:image/svg+xml;base64," in told[f"last_window_{kind}"].md_str
    assert told["measured_because"] == "none was saved by these settings and this code"


def test_the_order_of_lines_in_the_file_changes_nothing(shop: Home, measured: Warehouse, tmp_path: Path) -> None:
    lines = lines_of_a_shop()
    random.Random(7).shuffle(lines)
    home = Home(tmp_path / "other").create()
    home.settings_file.write_text(QUICK)
    write_drop(home, "a.csv", online_retail_csv(lines))
    shutil.copytree(shop.models, home.models, dirs_exist_ok=True)
    with built(home, only=ONLY) as warehouse:
        assert offers(warehouse) == offers(measured)


def test_a_night_with_new_orders_serves_new_customers_by_the_saved_choice(copy: Home, measured: Warehouse) -> None:
    saved = measured.value("select min(saved_as) from baskets.recommender_metrics")
    day = LAST_DAY + timedelta(days=1)
    new = [line("990", product, day, "NEW") for product in ("TEA1", "TEA2", "TEA3")]
    write_drop(copy, "b.csv", online_retail_csv(new))
    with built(copy, only=ONLY) as warehouse:
        assert warehouse.value("select min(saved_as) from baskets.recommender_metrics") == saved
        offered = "select product_id from baskets.recommendations where customer_id = 'NEW' and kind = $kind"
        names = [row["product_id"] for row in rows_of(warehouse, offered, {"kind": "new_for_customer"})]
        assert len(names) == 6
        assert not {"TEA1", "TEA2", "TEA3"} & set(names)
        assert [check.find(warehouse).message for check in BUILT if not check.find(warehouse).passed] == []


def test_a_training_on_the_same_data_leads_to_the_same_choice_and_lists(copy: Home, measured: Warehouse) -> None:
    saved, offered = rebuild(copy, training=True)
    assert reason(copy) == "a training was asked for"
    assert (saved, offered) == (
        measured.value("select min(saved_as) from baskets.recommender_metrics"), offers(measured),
    )  # fmt: skip


def test_other_settings_and_a_damaged_choice_ask_for_a_new_one(copy: Home) -> None:
    copy.settings_file.write_text(QUICK.replace("factors = 2", "factors = 3"))
    rebuild(copy)
    assert reason(copy) == "none was saved by these settings and this code"
    folder = copy.models / SUBJECT
    name = json.loads((folder / "current.json").read_text())["id"]
    (folder / name / "model.json").write_bytes(b"{}")
    rebuild(copy)
    assert reason(copy).startswith("the saved one was refused: ")


def test_lists_of_a_choice_that_is_gone_are_not_emptied(copy: Home) -> None:
    copy.settings_file.write_text(QUICK.replace("factors = 2", "factors = 3"))
    with opened(copy) as warehouse:
        rows = warehouse.count(RECOMMENDATIONS_TABLE.name)
        with pytest.raises(ModelError, match=r"retail run --select baskets\.recommender_metrics"):
            build_frame_table(warehouse, RECOMMENDATIONS_TABLE)
        assert warehouse.count(RECOMMENDATIONS_TABLE.name) == rows


def test_what_happens_after_the_as_of_day_changes_nothing(copy: Home) -> None:
    as_of = f"[core]\nas_of = {LAST_DAY - timedelta(days=19)}\n"
    copy.settings_file.write_text(as_of + QUICK)
    _, before = rebuild(copy)
    later = [line(f"77{number}", "TEA9", LAST_DAY + timedelta(days=1), f"C{number:02}") for number in range(30)]
    later.append(line("C93", "TEA1", LAST_DAY, "C01", -1))
    write_drop(copy, "late.csv", online_retail_csv(later))
    with built(copy, only=ONLY) as warehouse:
        assert offers(warehouse) == before
    assert not any(row["product_id"] == "ONCE" for row in before)


def test_little_data_leave_what_is_popular_and_say_why(tmp_path: Path) -> None:
    home = Home(tmp_path / "small").create()
    write_drop(home, "a.csv", online_retail_csv(lines_of_a_shop(days=30)))
    with built(home, only=ONLY) as warehouse:
        assert {row["model"] for row in rows_of(warehouse, "select distinct model from baskets.recommendations")} == {
            "popularity"
        }
        told = METRICS_TABLE.tell(warehouse)
        assert told["champion_for_customer"] == ("popularity: measured on 0 customers or orders, fewer than 100")
        best = rows_of(warehouse, "select product_id from baskets.recommendations where kind = 'for_customer' "
                                  "and rank = 1")  # fmt: skip
        assert len({row["product_id"] for row in best}) == 1
        assert [check.find(warehouse).message for check in BUILT if not check.find(warehouse).passed] == []


def test_a_choice_made_on_too_little_is_made_anew_once_there_is_more(tmp_path: Path) -> None:
    home = Home(tmp_path / "young").create()
    home.settings_file.write_text(QUICK)
    write_drop(home, "a.csv", online_retail_csv(lines_of_a_shop(LAST_DAY - timedelta(days=115), days=5)))
    champions = "select distinct model from baskets.recommender_metrics where is_champion and task = 'recommend_14d'"
    with built(home, only=ONLY) as warehouse:
        assert rows_of(warehouse, champions) in ([], [{"model": "popularity"}])
    write_drop(home, "b.csv", online_retail_csv(lines_of_a_shop()))
    with built(home, only=ONLY) as warehouse:
        assert reason(home) == "the last one had too little to be measured on"
        assert rows_of(warehouse, champions) != [{"model": "popularity"}]


def test_who_has_everything_is_offered_nothing_new(tmp_path: Path) -> None:
    home = Home(tmp_path / "one").create()
    write_drop(home, "a.csv", online_retail_csv([line("1", "TEA1", LAST_DAY, "C01")]))
    with built(home, only=ONLY) as warehouse:
        (row,) = offers(warehouse)
        assert (row["kind"], row["customer_id"], row["product_id"]) == ("for_customer", "C01", "TEA1")
        assert [check.find(warehouse).message for check in BUILT if not check.find(warehouse).passed] == []
