"""Pages are whole, self-contained, written when missing or changed, and left alone otherwise."""

import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from retail_pipeline.errors import SelectionError
from retail_pipeline.home import Home
from retail_pipeline.reports.contents import collect
from retail_pipeline.reports.files import read_rows, report_path, write_report
from retail_pipeline.reports.page import render_markdown, render_page
from retail_pipeline.reports.periods import parse_period
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.assets.decisions.test_insights import LINES
from retail_pipeline_tests.assets.decisions.test_insights import ONLY as TO_INSIGHTS
from retail_pipeline_tests.assets.store_tables import built, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

ONLY = (*TO_INSIGHTS, "decisions")
TABLES = ("daily_reports", "weekly_reports", "monthly_reports", "quarterly_reports")
KEPT = "[reports]\ndays = 2\nweeks = 2\nmonths = 3\nquarters = 1\n"
NAMES = {
    "day": ["2023-12-15", "2023-12-16"],
    "week": ["2023-W49", "2023-W50"],
    "month": ["2023-10", "2023-11", "2023-12"],
    "quarter": ["2023-Q4"],
}


class Page(HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = Home(tmp_path_factory.mktemp("store")).create()
    home.settings_file.write_text(KEPT)
    write_drop(home, "a.csv", canonical(LINES))
    with built(home, only=ONLY) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the pages of a shop of four months, to be copied."""
    home = Home(tmp_path_factory.mktemp("written") / "store").create()
    home.settings_file.write_text(KEPT)
    write_drop(home, "a.csv", canonical([line for line in LINES if str(line[1]) >= "2023-09"]))
    with built(home, only=ONLY):
        pass
    return home


@pytest.fixture
def autumn(written: Home, home: Home) -> Home:
    """A copy of it."""
    shutil.copytree(written.root, home.root, dirs_exist_ok=True)
    return home


def pages(home: Home) -> dict[str, float]:
    return {str(path.relative_to(home.reports)): path.stat().st_mtime for path in home.reports.rglob("*.html")}


def test_the_last_periods_have_a_page_each_and_a_row(store: Warehouse) -> None:
    expected = {f"{frequency}/{name}.html" for frequency, names in NAMES.items() for name in names}
    assert set(pages(store.home)) == expected
    rows = [row for table in TABLES for row in rows_of(store, f"select * from decisions.{table} order by period")]
    assert {row["file_name"] for row in rows} == expected
    assert [row["is_partial"] for row in rows if row["name"].startswith("2023-1")][-3:] == [False, False, True]
    assert not list(store.home.reports.rglob(".*"))


@pytest.mark.parametrize("name", ["2023-12-15", "2023-W49", "2023-11", "2023-12", "2023-Q4", "2023-01", "2023-01-01"])
def test_a_page_needs_nothing_but_itself(store: Warehouse, name: str) -> None:
    contents = collect(parse_period(name), read_rows(store.connection))
    text = render_page(contents)
    page = Page(text)
    assert page.tags.count("html") == 1
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") >= 1
    for sentence in contents.sentences:
        assert sentence.text in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert render_page(contents) == text


def test_names_from_the_data_are_text_and_no_markup(store: Warehouse) -> None:
    contents = collect(parse_period("2023-11"), read_rows(store.connection))
    assert [row["name"] for row in contents.products] == ["<b>P", "<b>Q"]
    page = render_page(contents)
    assert "<b>" not in page
    assert "&lt;b&gt;P" in page


def test_tiles_say_what_a_plain_count_says(store: Warehouse) -> None:
    text = render_markdown(collect(parse_period("2023-11"), read_rows(store.connection)))
    november = [line for line in LINES if str(line[1]).startswith("2023-11")]
    before = {line[2] for line in LINES if str(line[1]) < "2023-11"}
    customers = {line[2] for line in november}
    assert f"| Net sales | {sum(int(str(line[6])) for line in november):,} |" in text
    assert f"| Orders | {len({line[0] for line in november}):,} |" in text
    assert f"| Customers | {len(customers):,} |" in text
    assert f"| New customers | {len(customers - before):,} |" in text


def test_a_partial_period_says_so_and_compares_nothing(store: Warehouse) -> None:
    text = render_markdown(collect(parse_period("2023-12"), read_rows(store.connection)))
    assert "**Partial**" in text
    assert not re.search(r"(above|below|times) November", text)


@pytest.mark.parametrize("name", ["2022-12", "2024-01-01", "2023-Q4-1"])
def test_a_period_without_data_is_refused_with_what_there_is(store: Warehouse, name: str) -> None:
    with pytest.raises(SelectionError, match=r"2023-01-01 to 2023-12-16|2011-W48"):
        collect(parse_period(name), read_rows(store.connection))


def test_a_page_that_cannot_be_made_leaves_the_old_one(store: Warehouse, tmp_path: Path) -> None:
    contents = collect(parse_period("2023-11"), read_rows(store.connection))
    path = write_report(tmp_path, contents)
    assert path == report_path(tmp_path, contents.period)
    before = path.read_text()

    def fail(_: object) -> str:
        raise RuntimeError("no more ink")

    with pytest.raises(RuntimeError, match="no more ink"):
        write_report(tmp_path, contents, fail)
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_pages_are_written_when_missing_or_changed_and_left_alone_otherwise(autumn: Home) -> None:
    for path in autumn.reports.rglob("*.html"):
        os.utime(path, (1e9, 1e9))
    (autumn.reports / "month" / "2023-11.html").unlink()
    with built(autumn, only=ONLY):
        pass
    changed = {name for name, time in pages(autumn).items() if time != 1e9}
    assert changed == {"month/2023-11.html"}
    os.utime(autumn.reports / "month" / "2023-11.html", (1e9, 1e9))

    more = [["late", "2023-11-15 10:00:00", "c1", "P", "<b>P", 1, "1000", "France"]]
    write_drop(autumn, "b.csv", canonical(more))
    with built(autumn, only=ONLY):
        pass
    changed = {name for name, time in pages(autumn).items() if time != 1e9}
    assert {"month/2023-11.html", "month/2023-12.html", "quarter/2023-Q4.html"} <= changed


def test_a_partial_period_compares_no_product_and_no_country_with_a_whole_one(store: Warehouse) -> None:
    for name in ("2023-12", "2023-01"):  # partial; whole, but the data hold nothing of the month before
        contents = collect(parse_period(name), read_rows(store.connection))
        for text in (render_page(contents), render_markdown(contents)):
            assert not re.search(r"against (November 2023|December 2022)", text)
    assert "against October 2023" in render_page(collect(parse_period("2023-11"), read_rows(store.connection)))


def test_a_page_that_another_wrote_over_is_written_again(autumn: Home) -> None:
    page = autumn.reports / "month" / "2023-11.html"
    text = page.read_text()
    page.write_text(
        re.sub(r'name="contents" content="[0-9a-f]+"', 'name="contents" content="of an older snapshot"', text)
    )
    with built(autumn, only=ONLY):
        pass
    assert page.read_text() == text


def test_pages_are_written_anew_by_other_code(autumn: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retail_pipeline.reports.files.page_code", lambda: "another template")
    monkeypatch.setattr("retail_pipeline.assets.decisions.reports.page_code", lambda: "another template")
    with built(autumn, only=ONLY):
        pass
    assert all("another template" in path.read_text() for path in autumn.reports.rglob("*.html"))


def test_signs_in_names_are_drawn_as_they_are(home: Home) -> None:
    names = ["A $5 off $10", r"$\undefined{1}$"]
    lines = [
        [number, f"2024-0{month}-{day:02} 10:00:00", "anna", "P", "Pen", 1, "2", names[number % 2]]
        for number, (month, day) in enumerate((month, day) for month in (1, 2, 3) for day in range(1, 29))
    ]
    write_drop(home, "a.csv", canonical(lines))
    with built(home, only=TO_INSIGHTS) as warehouse:
        page = render_page(collect(parse_period("2024-02"), read_rows(warehouse.connection)))
    for name in names:
        assert f">{name}</text>" in page
