"""Every sentence says what its evidence says, and what a plain count of the lines says."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from retail_pipeline.home import Home
from retail_pipeline.reports.contents import RULES, all_sentences, collect, latest_whole_periods
from retail_pipeline.reports.files import read_rows
from retail_pipeline.reports.periods import Period, parse_period
from retail_pipeline.reports.sentences import Context, Sentence, write_sentences
from retail_pipeline.reports.words import Money
from retail_pipeline.simulator import preset, simulate_store
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.store_tables import built, rows_of, upstream_of
from retail_pipeline_tests.stores import canonical, write_drop

BY_NAME = {rule.name: rule for rule in RULES}
ONLY = upstream_of("decisions.insights")
FIRST, LAST = date(2023, 1, 1), date(2023, 12, 16)
LEFT_OUT = {date(2023, 9, 12), date(2023, 9, 13)}


def lines() -> list[list[object]]:
    """A year of a shop with a plain story: November doubles by Lisa's many orders, and two days of September lack."""
    chance = random.Random(7)
    made: list[list[object]] = []
    order = 0
    for day in (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)):
        for _ in range(0 if day in LEFT_OUT else 14 + 5 * (day.weekday() > 4) + chance.randrange(-3, 4)):
            order += 1
            who, where = f"c{chance.randrange(400)}", chance.choice(["France", "Italy"])
            product, price = chance.choice([("P", 10), ("Q", 20)])
            made.append([order, f"{day} 12:{order % 60:02}:00", who, product, f"<b>{product}", 1, price, where])
        if day.month == 11:
            for _ in range(30):
                order += 1
                made.append([order, f"{day} 13:{order % 60:02}:00", f"l{order}", "P", "<b>P", 1, 10, "Spain"])
    return made


LINES = lines()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("store")).create()
    write_drop(home, "a.csv", canonical(LINES))
    with built(home, only=ONLY) as warehouse:
        yield warehouse


def said(warehouse: Warehouse, name: str, rule: str) -> list[Sentence]:
    found = write_sentences(RULES, parse_period(name), read_rows(warehouse.connection))
    return [sentence for sentence in found if sentence.rule == rule]


def sold(month: int) -> int:
    return sum(int(str(line[6])) for line in LINES if date.fromisoformat(str(line[1])[:10]).month == month)


def test_the_first_sentence_tells_what_a_plain_sum_tells(store: Warehouse) -> None:
    [sentence] = said(store, "2023-11", "net_sales")
    orders = len({line[0] for line in LINES if str(line[1]).startswith("2023-11")})
    october = f"October 2023 ({sold(10):,})"
    growth = sold(11) / sold(10)
    beside = f"{growth:.1f} times {october}" if growth >= 2 else f"{growth - 1:.0%} above {october}".replace("%", " %")
    assert sentence.text == f"Net sales of November 2023 were {sold(11):,} from {orders:,} orders, {beside}."
    assert sentence.certainty == "counted; in percent, the change is larger than 9 of the 9 before it"


def test_the_cause_is_named_with_its_part(store: Warehouse) -> None:
    [driver] = said(store, "2023-11", "drivers")
    assert "came most from more buyers" in driver.text
    top = {sentence.text for sentence in said(store, "2023-11", "top_member")}
    spain = sum(int(str(line[6])) for line in LINES if line[7] == "Spain")
    share = round(100 * spain / (sold(11) - sold(10)))
    assert (
        f"Among countries, Spain added most to the rise of November 2023: +{spain:,}, {share} % of the change with 0 % "
        "of the sales before."
    ) in top


def test_days_without_any_line_are_told_as_missing(store: Warehouse) -> None:
    texts = [sentence.text for sentence in said(store, "2023-09", "anomaly")]
    assert any(text.startswith("There are no sales at all from 12 September to 13 September 2023") for text in texts)


def test_a_partial_period_is_compared_with_nothing(store: Warehouse) -> None:
    [sentence] = said(store, "2023-12", "net_sales")
    assert "December 2023 is partial" in sentence.text
    assert "November" not in sentence.text
    assert said(store, "2023-12", "drivers") == []


def test_a_sentence_says_the_same_of_its_evidence_asked_for_again(store: Warehouse) -> None:
    read = read_rows(store.connection)
    rows = rows_of(store, "select * from decisions.insights order by rank")
    assert len(rows) > 10
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["text"] for row in rows}) == len(rows)
    for row in rows:
        [evidence] = read(row["evidence"])
        period = Period(row["frequency"], row["period"]) if row["period"] else None
        again = BY_NAME[row["rule"]].say(evidence, Context(period, Money(None)))
        assert again is not None
        assert (again.text, again.certainty) == (row["text"], row["certainty"])


def test_the_order_of_the_lines_changes_no_sentence(store: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("shuffled")).create()
    shuffled = [list(line) for line in LINES]
    random.Random(1).shuffle(shuffled)
    write_drop(home, "a.csv", canonical(shuffled))
    with built(home, only=ONLY) as other:
        assert rows_of(other, "decisions.insights") == rows_of(store, "decisions.insights")


def test_a_store_of_one_day_says_what_little_there_is(home: Home) -> None:
    write_drop(home, "a.csv", canonical([["1", "2024-05-31 17:45:00", "anna", "P", "Pen", 1, "2", "France"]]))
    with built(home, only=ONLY) as warehouse:
        read = read_rows(warehouse.connection)
        assert all_sentences(latest_whole_periods(read), read) != []
        [first, *_] = collect(parse_period("2024-05"), read).sentences
    assert (
        first.text
        == "May 2024 is partial, for the data hold only a part of it: net sales so far are 2.00 from 1 order."
    )


def test_lines_without_a_rate_are_told_of_where_their_amounts_lack(home: Home) -> None:
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country,currency"
    many = [
        [number, f"2024-05-{number:02} 12:00:00", "c", "P", "Pen", 1, 2, "France", "EUR"] for number in range(1, 29)
    ]
    foreign = [["x", "2024-05-10 12:00:00", "d", "P", "Pen", 1, 2, "Chile", "CLP"]]
    write_drop(home, "a.csv", canonical([*many, *foreign], header))
    with built(home, only=ONLY) as warehouse:
        [sentence] = said(warehouse, "2024-05-10", "unpriced")
        assert said(warehouse, "2024-05-11", "unpriced") == []
    assert sentence.text.startswith("1 line of 1 order of Friday 10 May 2024 in CLP have no exchange rate")


def test_sentences_of_a_dirty_shop_all_have_their_row(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    simulate_store(home.drops, preset("small", customers=150))
    with built(home, only=ONLY) as warehouse:
        read = read_rows(warehouse.connection)
        for frequency in ("day", "week", "month", "quarter"):
            periods = read(f"select period from sales.period_figures where frequency = '{frequency}' order by period")
            for row in periods[:: max(1, len(periods) // 6)]:
                for sentence in write_sentences(RULES, Period(frequency, row["period"]), read):
                    assert len(read(sentence.evidence)) == 1, sentence
                    assert "None" not in sentence.text
                    assert "nan" not in sentence.text.split()


def shop_of(home: Home, lines: list[list[object]]) -> dict[tuple[str, str], str]:
    """The sentences of every month and day of a shop, by period and rule."""
    write_drop(home, "a.csv", canonical(lines))
    with built(home, only=ONLY) as warehouse:
        read = read_rows(warehouse.connection)
        periods = [Period("month", date(2024, month, 1)) for month in (1, 2, 3)] + [Period("day", date(2024, 3, 4))]
        return {
            (period.name if period else "", sentence.rule): f"{sentence.text} {sentence.certainty}"
            for period, sentence in all_sentences(periods, read)
        }


def each_day(price: object, times: int = 1, first: date = date(2023, 2, 20)) -> list[list[object]]:
    """Orders of a shop that is closed on Sundays, dated without a time of day."""
    days = (first + timedelta(days=number) for number in range((date(2024, 4, 10) - first).days))
    return [
        [f"{day}-{number}", f"{day} 00:00:00", f"c{number}", "P", "Pen", 1, price, "France"]
        for day in days
        if day.weekday() < 6
        for number in range(times)
    ]


def test_after_a_closed_day_a_year_before_is_compared_and_the_lack_of_sales_is_told(home: Home) -> None:
    said = shop_of(home, each_day(2))
    assert said["2024-03-04", "net_sales"] == (
        "Net sales of Monday 4 March 2024 were 2.00 from 1 order, as in Monday 6 March 2023. "
        "counted; the period before it had no net sales above zero to compare with"
    )


def test_dates_without_a_time_have_no_busiest_hour(home: Home) -> None:
    assert ("", "busiest_hour") not in shop_of(home, each_day(2))


def test_customers_of_the_first_period_are_not_told_as_new(home: Home) -> None:
    said = shop_of(home, each_day(2, times=40, first=date(2024, 1, 1)))
    assert ("2024-01", "new_customers") not in said
    assert said["2024-02", "new_customers"].startswith("Of 40 known customers in February 2024, 0 were new")


def test_a_shop_that_gives_all_away_is_told_of(home: Home) -> None:
    said = shop_of(home, each_day(0, times=10))
    assert said["2024-03", "net_sales"].startswith("Net sales of March 2024 were 0.00 from 260 orders.")
    assert ("2024-03", "drivers") not in said


def test_amounts_of_a_small_currency_are_divided(home: Home) -> None:
    """A shop in rupiah sells for billions."""
    said = shop_of(
        home, [[*line[:7], "France" if number % 3 else "Italy"] for number, line in enumerate(each_day(10**10))]
    )
    assert said["2024-03", "net_sales"].startswith("Net sales of March 2024 were 260,000,000,000 from 26 orders")
    assert "added most to the rise of March 2024" in said["2024-03", "top_member"]


def test_a_member_whose_sales_were_below_nothing_has_no_share_of_them() -> None:
    row = {
        "dimension": "product", "member_name": "Manual", "net_sales_before": -68874, "net_sales": -28096,
        "change": 40777, "whole_change": 479151, "share_explained": 0.085, "share_before": -0.038,
    }  # fmt: skip
    said = BY_NAME["top_member"].say(row, Context(parse_period("2011-Q3"), Money(None)))
    assert said is not None
    assert said.text == (
        "Among products, Manual added most to the rise of quarter 3 of 2011: +40,777, 8.5 % of the change from -68,874 "
        "to -28,096."
    )
