"""Weekly demand, its forecasts and the plan of orders, on a shop whose orders are known one by one."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from math import ceil, sqrt

import pytest

from retail_pipeline.assets.forecasts import product_demand, reorder_plan, stock
from retail_pipeline.assets.forecasts.demand_training import read_panel, why_train
from retail_pipeline.assets.frame_assets import build_frame_table
from retail_pipeline.errors import SettingsError, WarehouseError
from retail_pipeline.home import Home
from retail_pipeline.settings import DemandSettings, ReorderSettings, Settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import built, one_row, rows_of, upstream_of
from retail_pipeline_tests.stores import canonical, opened, write_drop

TABLES = upstream_of("forecasts.reorder_plan") | {"forecasts.demand_backtest"}
FIRST, WEEKS = date(2024, 1, 1), 40  # a Monday
HEADER = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,status"


def day(week: int, weekday: int = 0) -> date:
    return FIRST + timedelta(days=7 * week + weekday)


def line(order: str, on: date, product: str, units: float, price: float = 2.0, status: str = "") -> list[object]:
    return [order, f"{on} 12:00:00", "anna", product, product, units, price, "France", status]


def lines_of_shop() -> list[list[object]]:
    """STEADY sells 10 each week, RARE 3 each fifth, OLD stopped after week 20, YOUNG began in week 36; GIANT is
    cancelled.
    """
    lines = []
    for week in range(WEEKS):
        lines.append(line(f"a{week}", day(week), "STEADY", 9 + 2 * (week % 2), price=10.0))
        if week % 5 == 0:
            lines.append(line(f"b{week}", day(week), "RARE", 3))
        if week <= 20:
            lines.append(line(f"c{week}", day(week), "OLD", 4 + week % 3))
        if week >= 36:
            lines.append(line(f"d{week}", day(week), "YOUNG", 5))
        lines.append(line(f"e{week}", day(week), "GIANT", 2 + week % 2))
        lines.append(line(f"f{week}", day(week), "LATE", 2))
    lines.append(line("x1", day(39, 1), "GIANT", 70_000))
    lines.append(line("x2", day(39, 2), "GIANT", -70_000, status="cancelled"))
    lines.append(line("x3", day(39, 6), "LATE", 5_000))
    lines.append(line("x4", day(WEEKS), "LATE", -5_000, status="cancelled"))  # the day after, in another week
    lines.append(line("y1", day(30, 5), "STEADY", 6, price=11.0))
    lines.append(line("y2", day(31, 4), "STEADY", -6, price=11.0, status="cancelled"))  # six days later, the week after
    lines.append(line("z1", day(10), "RARE", 2, price=3.0))
    lines.append(line("z2", day(12), "RARE", -2, price=3.0, status="cancelled"))  # a fortnight later: it was demanded
    lines.append(line("now", day(WEEKS), "STEADY", 500, price=10.0))  # the week that is not over
    return lines


STOCK = "product_id,on_hand,on_order,lead_time_days,min_order,pack_size,unit_cost\nSTEADY,12,,21,,8,4\nrare,50,2,,,,\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("demand")).create()
    write_drop(home, "a.csv", canonical(lines_of_shop(), HEADER))
    home.settings_file.write_text("[reorder]\nstock_file = 'stock.csv'\norder_cost = 20\n")
    (home.root / "stock.csv").write_text(STOCK.replace("rare", "RARE"))
    with built(home, only=TABLES) as warehouse:
        yield warehouse


def demand_of(shop: Warehouse, product: str, week: int) -> dict[str, object]:
    return one_row(shop, f"from forecasts.product_weeks where product_id = '{product}' and week = date '{day(week)}'")


def test_an_order_cancelled_within_days_was_never_demanded(shop: Warehouse) -> None:
    row = demand_of(shop, "GIANT", 39)
    assert (row["units_sold"], row["units_undone"], row["units_undone_at_once"], row["demand"]) == (
        70_003,
        70_000,
        70_000,
        3,
    )
    assert (row["orders"], row["largest_order"], row["revenue"]) == (1, 3, 6)


def test_what_is_cancelled_the_week_after_was_not_known_before(shop: Warehouse) -> None:
    row = demand_of(shop, "STEADY", 30)
    assert (row["units_sold"], row["units_undone"], row["units_undone_at_once"], row["demand"]) == (15, 6, 0, 9)


def test_what_comes_back_later_was_demanded_all_the_same(shop: Warehouse) -> None:
    row = demand_of(shop, "RARE", 10)
    assert (row["units_undone"], row["demand"]) == (0, 5)
    assert row["unit_price"] == pytest.approx(2.5)  # between two orders


def test_the_week_that_is_not_over_is_forecast_and_not_learned_from(shop: Warehouse) -> None:
    assert demand_of(shop, "STEADY", WEEKS)["is_partial"]
    weeks = rows_of(shop, "select distinct week from forecasts.product_demand order by week")
    assert [row["week"] for row in weeks] == [day(WEEKS + ahead) for ahead in range(4)]
    told = one_row(shop, "from forecasts.product_demand where product_id = 'STEADY' and weeks_ahead = 1")
    assert told["value"] == pytest.approx(10, abs=1.0)
    assert str(day(WEEKS)) in product_demand.DEMAND_TABLE.tell(shop)["left_out"]


def test_a_giant_order_that_was_cancelled_makes_no_forecast(shop: Warehouse) -> None:
    told = one_row(shop, "from forecasts.product_demand where product_id = 'GIANT' and weeks_ahead = 1")
    assert told["value"] == pytest.approx(2.5, abs=0.6)
    assert told["upper_95"] < 20


def test_a_giant_order_that_is_cancelled_the_week_after_makes_none_either(shop: Warehouse) -> None:
    row = demand_of(shop, "LATE", 39)
    assert (row["demand"], row["largest_order"], row["largest_order_at_once"]) == (2, 2, 5_000)
    told = one_row(shop, "from forecasts.product_demand where product_id = 'LATE' and weeks_ahead = 1")
    assert told["value"] == pytest.approx((39 * 2 + 2 + 10) / 40)
    assert told["units_tempered"] == 4_990


def test_new_and_dead_products_are_told_from_rare_ones(shop: Warehouse) -> None:
    rows = rows_of(shop, "select product_id, kind from forecasts.product_demand where weeks_ahead = 1")
    kinds = {row["product_id"]: row["kind"] for row in rows}
    assert kinds == {
        "STEADY": "regular",
        "GIANT": "regular",
        "RARE": "intermittent",
        "OLD": "dead",
        "YOUNG": "new",
        "LATE": "erratic",
    }


def test_the_plan_follows_from_its_own_figures(shop: Warehouse) -> None:
    row = one_row(shop, "from forecasts.reorder_plan where product_id = 'STEADY'")
    level = one_row(shop, "from forecasts.product_demand where product_id = 'STEADY' and weeks_ahead = 1")["value"]
    exposed = (21 + 7) / 7
    assert (row["lead_time_days"], row["review_days"], row["abc_class"], row["service_level"]) == (21, 7, "A", 0.98)
    assert row["expected_demand"] == pytest.approx(level * exposed)
    assert row["safety_stock"] == pytest.approx(row["reorder_point"] - level * exposed)
    economic = sqrt(2 * level * 52.1775 * 20 / (0.25 * 4))
    assert (row["order_basis"], row["order_quantity"]) == ("eoq", 8 * ceil(economic / 8))
    missing = row["order_up_to"] - 12
    assert (row["action"], row["order_now"]) == ("order_now", 8 * ceil(missing / 8))
    assert row["order_value"] == row["order_now"] * 4
    assert row["advice"].startswith(f"order {row['order_now']:,.0f} now")
    assert row["stockout_risk"] > 0.9
    assert "lead time 21 days, by reorder.stock_file" in row["assumptions"]


def test_enough_is_said_with_the_weeks_it_lasts(shop: Warehouse) -> None:
    row = one_row(shop, "from forecasts.reorder_plan where product_id = 'RARE'")
    assert (row["action"], row["order_now"]) == ("enough", 0)
    assert row["weeks_of_cover"] == pytest.approx(52 / row["demand_per_week"])
    assert row["advice"] == f"enough for {row['weeks_of_cover']:.0f} weeks"
    assert row["stockout_risk"] < 0.01
    assert row["order_basis"] == "cover"
    assert "weeks, for what a unit costs is not known (reorder.stock_file or bundles.costs_file)" in row["assumptions"]


@pytest.mark.parametrize(
    ("order_cost", "unit_cost", "said"),
    [
        (None, 4.0, "what an order costs is not set (reorder.order_cost)"),
        (20, float("nan"), "what a unit costs is not known (reorder.stock_file or bundles.costs_file)"),
        (
            None,
            float("nan"),
            "what an order costs is not set (reorder.order_cost) and what a unit costs is not known "
            "(reorder.stock_file or bundles.costs_file)",
        ),
        (20, 0.0, "a unit that costs 0 has no economic order quantity"),
    ],
)
def test_the_plan_names_the_cost_that_is_missing(order_cost: float | None, unit_cost: float, said: str) -> None:
    assert reorder_plan._missing(ReorderSettings(order_cost=order_cost), unit_cost) == said


def test_dead_products_are_not_ordered_and_unknown_stock_is_said(shop: Warehouse) -> None:
    dead, young = (one_row(shop, f"from forecasts.reorder_plan where product_id = '{one}'") for one in ("OLD", "YOUNG"))
    assert (dead["action"], dead["order_quantity"], dead["reorder_point"]) == ("do_not_reorder", 0, 0)
    assert dead["advice"] == "do not reorder: no demand for 19 weeks"
    assert (young["action"], young["order_now"], young["stockout_risk"]) == ("stock_unknown", None, None)
    assert "stock on hand is not known" in young["assumptions"]


def test_a_second_run_changes_nothing_and_a_training_chooses_anew(shop: Warehouse) -> None:
    before = {
        table: rows_of(shop, f"forecasts.{table}") for table in ("product_demand", "reorder_plan", "demand_backtest")
    }
    assert build_frame_table(shop, product_demand.DEMAND_TABLE).mode == "unchanged"
    training = Warehouse(shop.connection, shop.home, shop.settings, "other-run", training=True)
    build_frame_table(training, product_demand.DEMAND_TABLE)
    build_frame_table(shop, product_demand.BACKTEST_TABLE)
    build_frame_table(shop, reorder_plan.TABLE)
    after = {table: rows_of(shop, f"forecasts.{table}") for table in before}
    for table, rows in before.items():
        without = [[{**row, "saved_model": None} for row in some] for some in (rows, after[table])]
        if table != "demand_backtest":  # the reason that one stays is another
            assert without[0] == without[1]


def test_another_order_of_lines_makes_the_same_forecasts(shop: Warehouse, home: Home) -> None:
    write_drop(home, "a.csv", canonical(lines_of_shop()[::-1], HEADER))
    home.settings_file.write_text(shop.home.settings_file.read_text())
    (home.root / "stock.csv").write_text((shop.home.root / "stock.csv").read_text())
    query = "select * exclude (saved_model) from forecasts.{} order by all"
    with built(home, only=TABLES) as other:
        for table in ("product_weeks", "product_demand", "reorder_plan"):
            text = query.format(table) if table != "product_weeks" else "from forecasts.product_weeks order by all"
            assert rows_of(other, text) == rows_of(shop, text), table


def test_with_too_few_weeks_the_mean_serves_and_says_why(home: Home) -> None:
    few = [of_one for of_one in lines_of_shop() if str(of_one[1]) < str(day(6))]
    write_drop(home, "a.csv", canonical(few, HEADER))
    with built(home, only=TABLES) as warehouse:
        rows = rows_of(warehouse, "select distinct model, parameters from forecasts.product_demand")
        assert rows == [{"model": "historical_mean", "parameters": ""}]
        assert warehouse.count("forecasts.demand_backtest") == 0
        assert "fewer than 20" in product_demand.DEMAND_TABLE.tell(warehouse)["decision_regular"]
        steady = one_row(warehouse, "from forecasts.product_demand where product_id = 'STEADY' and weeks_ahead = 1")
        assert steady["value"] == pytest.approx(sum(9 + 2 * (week % 2) for week in range(5)) / 5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("product_id\nP\n", "stock.csv says nothing of its products. .* may hold on_hand,on_order"),
        ("product_id,on_hand,on_hand\nP,1,2\n", "no more than one column on_hand"),
        ("product_id,on_hand\nP,-1\n", "row 2: on_hand is '-1'; it must be 0 or more"),
        ("product_id,on_hand,pack_size\nP,,0\n", "row 2: pack_size is '0'; it must be more than 0"),
        ("product_id,on_hand\nP,many\n", "row 2: on_hand is 'many'; it must be a number"),
        ("product_id,on_hand\nGIANT,1\ngiant,2\n", "'giant' and another row are both the product 'GIANT'"),
    ],
)
def test_a_broken_stock_file_is_named_with_its_row_and_column(shop: Warehouse, content: str, reason: str) -> None:
    path = shop.home.root / "broken" / "stock.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    settings = Settings(reorder=ReorderSettings(stock_file="broken/stock.csv"), demand=DemandSettings())
    with pytest.raises(SettingsError, match=reason):
        stock.TABLE.make(Warehouse(shop.connection, shop.home, settings, "test-run"))


def test_a_plan_is_refused_where_its_forecasts_are_of_other_products(shop: Warehouse) -> None:
    shop.connection.begin()
    try:
        shop.execute("delete from forecasts.product_demand where product_id = 'RARE'")
        with pytest.raises(WarehouseError, match=r"Build that first: 'retail run --select forecasts.product_demand'"):
            reorder_plan.TABLE.make(shop)
    finally:
        shop.connection.rollback()


def test_a_damaged_choice_is_made_anew(shop: Warehouse) -> None:
    (folder,) = [path for path in (shop.home.models / "demand").iterdir() if path.is_dir()][:1]
    current = (shop.home.models / "demand" / "current.json").read_text()
    name = folder.parent / json.loads(current)["id"] / "model.json"
    name.write_text(name.read_text().replace("{", "{ ", 1))
    chosen, reason = why_train(shop, read_panel(shop))
    assert chosen is None
    assert "was refused" in reason
    build_frame_table(shop, product_demand.DEMAND_TABLE)
    assert why_train(shop, read_panel(shop))[1] == ""


def test_an_empty_home_has_no_forecasts(home: Home) -> None:
    with built(home, only=TABLES) as warehouse:
        for name in ("product_weeks", "product_demand", "demand_backtest", "reorder_plan", "stock"):
            assert warehouse.count(f"forecasts.{name}") == 0
    with opened(home) as warehouse:
        assert product_demand.DEMAND_TABLE.is_whole(warehouse)
