"""The descriptive sales marts against a plain rendering in Python of random stores, and against cases made by hand."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from retail_pipeline.home import Home
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import SQL_ALONE, Row, built, one_row, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

HEADER = (
    "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,line_no,channel,discount,status,"
    "category"
)
ONLY = [name for name in SQL_ALONE if name.startswith(("core.", "sales."))]
FIRST = date(2023, 1, 1)


@dataclass(frozen=True)
class Line:
    """A line of a canonical file."""

    order: str
    at: datetime
    customer: str
    product: str
    quantity: int
    price: Decimal
    country: str
    line_no: int
    channel: str
    discount: Decimal = Decimal(0)
    status: str = "completed"

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price - self.discount

    def cells(self) -> list[object]:
        category = {"A": "art", "B": "art"}.get(self.product, "")
        return [
            self.order, self.at, self.customer, self.product, f"Thing {self.product}", self.quantity, self.price,
            self.country, self.line_no, self.channel, self.discount, self.status, category,
        ]  # fmt: skip


def random_store(seed: int, orders: int = 160, days: int = 430) -> list[Line]:
    """Orders of a dozen customers and guests over more than a year, some returned, cancelled or of the staff's own."""
    rng = random.Random(seed)
    lines: list[Line] = []
    for number in range(orders):
        at = datetime.combine(FIRST, datetime.min.time()) + timedelta(
            days=rng.randrange(days), hours=rng.randrange(7, 22), minutes=rng.randrange(60)
        )
        customer = rng.choice(["", *(f"C{place}" for place in range(12))])
        country, channel = rng.choice(["France", "Spain", ""]), rng.choice(["web", "shop", ""])
        status = "test" if rng.random() < 0.05 else "completed"
        for line_no in range(1, rng.randrange(1, 5)):
            price, quantity = Decimal(rng.randrange(50, 3000)) / 100, rng.randrange(1, 6)
            discount = rng.choice([Decimal(0), Decimal(0), Decimal("0.50")])
            sale = Line(
                f"O{number}",
                at,
                customer,
                rng.choice("ABCDE"),
                quantity,
                price,
                country,
                line_no,
                channel,
                discount,
                status,
            )
            lines.append(sale)
            if status == "completed" and rng.random() < 0.2:
                back, kind = at + timedelta(days=rng.randrange(60)), rng.choice(["returned", "cancelled"])
                lines.append(
                    Line(
                        f"R{number}-{line_no}", back, customer, sale.product, -rng.randrange(1, quantity + 1), price,
                        country, 1, channel, Decimal(0), kind,
                    )
                )  # fmt: skip
    return lines


@pytest.fixture(scope="module", params=[1, 2])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    lines = random_store(request.param)
    home = Home(tmp_path_factory.mktemp("sales")).create()
    write_drop(home, "a.csv", canonical([line.cells() for line in lines], HEADER))
    with built(home, only=ONLY) as warehouse:
        yield warehouse, [line for line in lines if line.status != "test"]


def month_of(day: date) -> date:
    return day.replace(day=1)


PERIODS: dict[str, tuple[str, Callable[[date], date]]] = {
    "daily": ("date_day", lambda day: day),
    "weekly": ("week", lambda day: day - timedelta(day.weekday())),
    "monthly": ("month", month_of),
    "quarterly": ("quarter", lambda day: day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)),
}


def first_days(lines: list[Line]) -> dict[str, date]:
    """The day of each known customer's first order."""
    found: dict[str, date] = {}
    for line in lines:
        if line.customer and line.quantity > 0:
            found[line.customer] = min(found.get(line.customer, line.at.date()), line.at.date())
    return found


def figures(lines: list[Line]) -> Row:
    """What lines come to, counted one by one."""
    sold = [line for line in lines if line.quantity > 0]
    return {
        "orders": len({line.order for line in sold}),
        "customers": len({line.customer for line in sold if line.customer}),
        "guest_orders": len({line.order for line in sold if not line.customer}),
        "units": sum(line.quantity for line in sold),
        "gross_sales": sum((line.quantity * line.price for line in sold), Decimal(0)),
        "discounts": sum((line.discount for line in sold), Decimal(0)),
        "returns": -sum((line.amount for line in lines if line.quantity < 0), Decimal(0)),
    }


@pytest.mark.parametrize("table", PERIODS)
def test_periods_hold_what_happened_in_them(store: tuple[Warehouse, list[Line]], table: str) -> None:
    warehouse, lines = store
    key, period_of = PERIODS[table]
    by_period: dict[date, list[Line]] = defaultdict(list)
    for line in lines:
        by_period[period_of(line.at.date())].append(line)
    firsts = Counter(period_of(day) for day in first_days(lines).values())
    rows = rows_of(warehouse, f"sales.{table}")
    assert set(by_period) <= {row[key] for row in rows}
    for row in rows:
        expected = figures(by_period[row[key]])
        assert {name: row[name] for name in expected} == expected
        assert row["net_sales"] == expected["gross_sales"] - expected["discounts"] - expected["returns"]
        assert row["new_customers"] == firsts[row[key]]
        assert row["new_customers"] + row["returning_customers"] == row["customers"]


def test_every_period_between_the_first_and_the_last_is_there(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, _ = store
    ends = one_row(warehouse, "select min(order_date) as first, max(order_date) as last from core.order_lines")
    days = [ends["first"] + timedelta(place) for place in range((ends["last"] - ends["first"]).days + 1)]
    for table, (key, period_of) in PERIODS.items():
        expected = {period_of(day) for day in days}
        assert [row[key] for row in rows_of(warehouse, f"sales.{table}")] == sorted(expected)


def test_growth_compares_whole_months_with_the_one_before_and_that_a_year_before(
    store: tuple[Warehouse, list[Line]],
) -> None:
    warehouse, _ = store
    months = {row["month"]: row for row in rows_of(warehouse, "sales.monthly")}
    told = 0
    for month, row in months.items():
        for column, other in (
            ("growth_previous", month_of(month - timedelta(1))),
            ("growth_year", month.replace(year=month.year - 1)),
        ):
            base = months.get(other)
            if base is None or base["is_partial"] or row["is_partial"] or base["net_sales"] <= 0:
                assert row[column] is None
            else:
                told += 1
                assert row[column] == pytest.approx(float(row["net_sales"] / base["net_sales"]) - 1)
    assert told > 10


@pytest.mark.parametrize(("table", "attribute"), [("by_country", "country"), ("by_channel", "channel")])
def test_members_hold_what_is_theirs(store: tuple[Warehouse, list[Line]], table: str, attribute: str) -> None:
    warehouse, lines = store
    rows = rows_of(warehouse, f"sales.{table}")
    assert {row[attribute] or "" for row in rows} == {getattr(line, attribute) for line in lines}
    total = sum(row["net_sales"] for row in rows)
    for row in rows:
        expected = figures([line for line in lines if getattr(line, attribute) == (row[attribute] or "")])
        assert {name: row[name] for name in expected} == expected
        assert row["share_net_sales"] == pytest.approx(float(row["net_sales"] / total))


def test_products_are_ranked_and_classed_by_net_sales(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    rows = sorted(rows_of(warehouse, "sales.by_product"), key=lambda row: row["rank"])
    nets = {product: figures([line for line in lines if line.product == product]) for product in "ABCDE"}
    net = {product: value["gross_sales"] - value["discounts"] - value["returns"] for product, value in nets.items()}
    assert [row["product_id"] for row in rows] == sorted(net, key=lambda product: -net[product])
    before, total = Decimal(0), sum(net.values())
    for row in rows:
        assert row["net_sales"] == net[row["product_id"]]
        assert row["orders"] == nets[row["product_id"]]["orders"]
        expected = "A" if before < total * Decimal("0.8") else "B" if before < total * Decimal("0.95") else "C"
        assert row["abc_class"] == expected
        before += row["net_sales"]
        assert row["cumulative_share"] == pytest.approx(float(before / total))
    categories = {row["category"]: row["net_sales"] for row in rows_of(warehouse, "sales.by_category")}
    assert categories == {"art": net["A"] + net["B"], None: net["C"] + net["D"] + net["E"]}


def test_hours_hold_the_orders_of_their_weekday(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    expected = Counter({(line.order, line.at.isoweekday(), line.at.hour): 1 for line in lines if line.quantity > 0})
    by_hour = Counter((weekday, hour) for _, weekday, hour in expected)
    rows = rows_of(warehouse, "sales.by_hour")
    assert len(rows) == 168
    assert {(row["weekday"], row["hour"]): row["orders"] for row in rows if row["orders"]} == by_hour


def test_cohorts_follow_their_customers(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    cohort = {customer: month_of(day) for customer, day in first_days(lines).items()}
    sizes = Counter(cohort.values())
    for row in rows_of(warehouse, "sales.cohort_retention"):
        members = {customer for customer, month in cohort.items() if month == row["cohort_month"]}
        theirs = [line for line in lines if line.customer in members and month_of(line.at.date()) == row["month"]]
        active = {line.customer for line in theirs if line.quantity > 0}
        assert row["customers"] == sizes[row["cohort_month"]]
        assert row["active_customers"] == len(active)
        assert row["retention"] == pytest.approx(len(active) / len(members))
        assert row["revenue"] == sum((line.amount for line in theirs), Decimal(0))


def test_customers_are_new_returning_reactivated_or_lapsed(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    months = [row["month"] for row in rows_of(warehouse, "sales.monthly")]
    active: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        if line.customer and line.quantity > 0:
            active[line.customer].add(months.index(month_of(line.at.date())))
    for number, row in enumerate(rows_of(warehouse, "sales.customer_kpis")):
        expected: Counter[str] = Counter()
        for theirs in active.values():
            before = [month for month in theirs if month < number]
            if number in theirs:
                expected["active_customers"] += 1
                if not before:
                    expected["new_customers"] += 1
                elif number - max(before) <= 3:
                    expected["returning_customers"] += 1
                else:
                    expected["reactivated_customers"] += 1
            elif before and number - max(before) == 3:
                expected["lapsed_customers"] += 1
            expected["customers_at_end"] += bool(theirs & {number, number - 1, number - 2})
        names = ("active_customers", "new_customers", "returning_customers", "reactivated_customers")
        for name in (*names, "lapsed_customers", "customers_at_end"):
            assert row[name] == expected[name], (row["month"], name)


def test_customers_who_buy_again_in_time_are_counted_among_those_who_had_the_time(
    store: tuple[Warehouse, list[Line]],
) -> None:
    warehouse, lines = store
    last_day = max(line.at.date() for line in lines)
    orders: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for line in {(line.customer, line.at, line.order) for line in lines if line.customer and line.quantity > 0}:
        orders[line[0]].append((line[1], line[2]))
    expected = {}
    for days in (30, 60, 90, 180, 365):
        had_time = [sorted(each) for each in orders.values() if (last_day - min(each)[0].date()).days >= days]
        again = [each for each in had_time if len(each) > 1 and (each[1][0].date() - each[0][0].date()).days <= days]
        expected[days] = (len(had_time), len(again))
    rows = rows_of(warehouse, "select * from sales.repurchase where dimension = 'all'")
    assert {row["within_days"]: (row["customers"], row["returned_customers"]) for row in rows} == {
        days: counts for days, counts in expected.items() if counts[0]
    }


def test_concentration_is_that_of_the_best(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, lines = store
    net: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.customer:
            net[line.customer] += line.amount
    worth = sorted((max(net[customer], Decimal(0)) for customer in first_days(lines)), reverse=True)
    rows = rows_of(warehouse, "select * from sales.concentration where of_what = 'customers' order by top_share")
    for row, share in zip(rows, (0.01, 0.05, 0.1, 0.2), strict=True):
        best = worth[: -int(-share * len(worth) // 1)]
        assert row["net_sales"] == sum(best)
        assert row["share_net_sales"] == pytest.approx(float(sum(best) / sum(worth)))
        # half the mean absolute difference of all pairs, by the mean
        differences = sum(abs(one - other) for one in worth for other in worth)
        assert row["gini"] == pytest.approx(float(differences / (2 * len(worth) * sum(worth))))


def test_headline_figures_are_those_of_the_last_whole_month(store: tuple[Warehouse, list[Line]]) -> None:
    warehouse, _ = store
    months = [row for row in rows_of(warehouse, "sales.monthly") if not row["is_partial"]]
    kpis = {row["kpi"]: row for row in rows_of(warehouse, "sales.kpis")}
    for name in ("net_sales", "orders", "customers", "new_customers"):
        assert kpis[name]["period"] == months[-1]["month"]
        assert kpis[name]["value"] == pytest.approx(float(months[-1][name]))
        before = float(months[-2][name])
        assert kpis[name]["value_before"] == pytest.approx(before)
        assert kpis[name]["change"] == (pytest.approx(kpis[name]["value"] / before - 1) if before else None)
    assert [row["place"] for row in sorted(kpis.values(), key=lambda row: row["place"])] == list(range(1, 10))


def by_hand(home: Home, *lines: Line) -> None:
    write_drop(home, "a.csv", canonical([line.cells() for line in lines], HEADER))


def line(order: str, at: str, quantity: int = 1, price: str = "10", **more: Any) -> Line:
    given = {"customer": "C1", "product": "A", "country": "France", "line_no": 1, "channel": "web", **more}
    return Line(order, datetime.fromisoformat(at), quantity=quantity, price=Decimal(price), **given)


def test_a_period_is_partial_where_the_data_begin_or_end_within_it(home: Home) -> None:
    full_days = [line(f"O{day}", f"2024-01-{day:02}T18:00") for day in range(10, 32)]
    by_hand(home, *full_days, *(line(f"N{day}", f"2024-02-{day:02}T18:00") for day in range(1, 11)))
    with built(home, only=ONLY) as warehouse:
        months = rows_of(warehouse, "sales.monthly")
        assert [(row["month"].month, row["is_partial"]) for row in months] == [(1, True), (2, True)]
        weeks = rows_of(warehouse, "sales.weekly")
        # from Wednesday the 10th of January to Saturday the 10th of February
        assert [row["is_partial"] for row in weeks] == [True, False, False, False, True]
        assert not any(row["is_partial"] for row in rows_of(warehouse, "sales.daily"))


def test_the_last_day_is_partial_if_it_ends_earlier_than_any_other_of_late(home: Home) -> None:
    days = [line(f"O{day}", f"2024-01-{day:02}T1{day % 3 + 6}:30") for day in range(1, 31)]
    by_hand(home, *days, line("L", "2024-01-31T11:59"))
    with built(home, only=ONLY) as warehouse:
        partial = rows_of(warehouse, "select date_day from sales.daily where is_partial")
        assert partial == [{"date_day": date(2024, 1, 31)}]
        assert one_row(warehouse, "select is_partial from sales.monthly")["is_partial"]


def test_returns_are_booked_on_their_own_day_and_an_order_only_once(home: Home) -> None:
    by_hand(
        home,
        line("1", "2024-01-30T10:00", 2),
        line("1", "2024-01-30T10:00", 1, product="B", line_no=2),
        line("R1", "2024-02-02T10:00", -1, status="returned"),
        line("2", "2024-02-03T10:00", 1),
    )
    with built(home, only=ONLY) as warehouse:
        months = rows_of(warehouse, "sales.monthly")
        assert [(row["orders"], row["gross_sales"], row["returns"], row["net_sales"]) for row in months] == [
            (1, 30, 0, 30),
            (1, 10, 10, 0),
        ]
        assert [(row["customers"], row["new_customers"]) for row in months] == [(1, 1), (1, 0)]
        assert one_row(warehouse, "sales.by_country")["return_rate"] == pytest.approx(0.25)


def test_amounts_and_discounts_are_in_the_reporting_currency(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,currency,discount"
    lines = [
        ["1", "2024-01-02 10:00:00", "C1", "A", "Thing", 3, "10", "France", "EUR", "6"],
        ["2", "2024-01-02 11:00:00", "C2", "A", "Thing", 1, "100", "USA", "USD", "10"],
        ["3", "2024-01-02 12:00:00", "C3", "A", "Thing", 1, "55", "Japan", "JPY", "5"],
    ]
    write_drop(home, "a.csv", canonical(lines, header))
    write_drop(home, "rates.csv", "date,currency,rate\n2024-01-01,USD,0.9\n")
    home.settings_file.write_text('[currency]\nreporting = "EUR"\n')
    with built(home, only=ONLY) as warehouse:
        rows = rows_of(warehouse, "select country, gross_sales, discounts, net_sales from sales.by_country order by 1")
    assert [tuple(row.values()) for row in rows] == [
        ("France", 30, 6, 24),
        ("Japan", 0, 0, 0),  # no rate, so in no total
        ("USA", 90, 9, 81),
    ]
