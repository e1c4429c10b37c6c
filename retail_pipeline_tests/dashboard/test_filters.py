"""What the filters keep, on rows by hand."""

from datetime import date

import duckdb
import pytest

from retail_pipeline.dashboard.filters import Filters, period_bounds

ORDERS = """
    create schema sales; create schema customers; create schema core;
    create table sales.order_members as select * from (values
        ('1', date '2024-01-01', 'France', 'web', 'new', 'A', 10),
        ('2', date '2024-01-02', 'France', 'shop', 'returning', 'A', 20),
        ('3', date '2024-01-02', 'Spain', 'web', 'guest', null, 40),
        ('4', date '2024-01-31', 'Spain', 'web', 'new', 'B', 80)
    ) as rows(order_id, date_day, country, channel, customer_type, customer_id, gross_sales);
    create table customers.rfm_scores as
        select * from (values ('A', 'Champions'), ('B', 'Lost')) as rows(customer_id, segment);
    create table core.customers as select * from (values ('A', 'France'), ('B', null)) as rows(customer_id, country)
"""


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(ORDERS)
    return connection


@pytest.mark.parametrize(
    ("filters", "sum_of_sales"),
    [
        (Filters(), 150),
        (Filters(first=date(2024, 1, 2)), 140),
        (Filters(first=date(2024, 1, 2), last=date(2024, 1, 2)), 60),
        (Filters(countries=("France",)), 30),
        (Filters(countries=("France", "Spain"), channels=("web",)), 130),
        (Filters(guests="without"), 110),
        (Filters(guests="only"), 40),
        (Filters(segments=("Champions",)), 30),
        (Filters(segments=("Champions",), guests="only"), None),
        (Filters(countries=("' or 1 = 1 --",)), None),
    ],
)
def test_filters_keep_the_orders_that_they_name(
    database: duckdb.DuckDBPyConnection, filters: Filters, sum_of_sales: int | None
) -> None:
    chosen, bound = filters.orders()
    assert database.execute(f"select sum(gross_sales) from ({chosen})", bound or None).fetchall() == [(sum_of_sales,)]


def test_the_period_can_be_left_out(database: duckdb.DuckDBPyConnection) -> None:
    chosen, bound = Filters(first=date(2024, 1, 31), countries=("France",)).orders(period=False)
    assert database.execute(f"select count(*) from ({chosen})", bound).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("filters", "customers"),
    [
        (Filters(), ["A", "B"]),
        (Filters(segments=("Lost",)), ["B"]),
        (Filters(countries=("(unknown)",)), ["B"]),
        (Filters(countries=("France",), segments=("Lost",)), []),
        (Filters(first=date(2030, 1, 1), channels=("web",), guests="only"), ["A", "B"]),
    ],
)
def test_customers_are_kept_by_country_and_segment_only(
    database: duckdb.DuckDBPyConnection, filters: Filters, customers: list[str]
) -> None:
    chosen, bound = filters.customers()
    found = database.execute(f"select customer_id from ({chosen}) order by 1", bound or None).fetchall()
    assert [customer for (customer,) in found] == customers


def test_filters_that_leave_something_out_are_named() -> None:
    assert Filters().set_ones() == []
    assert Filters(last=date(2024, 1, 1), segments=("Lost",), guests="only").set_ones() == [
        "period",
        "segment",
        "guests",
    ]


def test_periods_are_counted_back_from_the_last_day_of_the_data() -> None:
    last = date(2024, 6, 30)
    assert period_bounds("30d", (), last) == (date(2024, 6, 1), last)
    assert period_bounds("all", (), last) == (None, None)
    assert period_bounds("90d", (), None) == (None, None)
    assert period_bounds("own", (date(2024, 1, 5), date(2024, 1, 9)), last) == (date(2024, 1, 5), date(2024, 1, 9))
    assert period_bounds("own", (date(2024, 1, 5),), last) == (date(2024, 1, 5), None)
