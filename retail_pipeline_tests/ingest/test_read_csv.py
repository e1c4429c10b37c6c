"""Delimited text from the file to typed rows with their physical line numbers."""

import csv
import gzip
import io
import random
from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.ingest import read_csv, scan_lines
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.loading import Outcome, forget, line, load, text
from retail_pipeline_tests.stores import CANONICAL_HEADER, write_drop

NOT_CLOSED = "a quote is opened and not closed"


def names(outcome: Outcome) -> list[object]:
    assert outcome.refusal is None
    return outcome.column("product_name")


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "grüße € 😀"),
        ("utf-8-sig", "grüße € 😀"),
        ("iso-8859-1", "grüße £"),
        ("cp1252", "“grüße” – € Œ"),
        ("utf-16", "grüße € 😀"),
    ],
)
def test_text_is_read_in_every_encoding(warehouse: Warehouse, codec: str, name: str) -> None:
    assert names(load(warehouse, text(line(product_name=name)).encode(codec))) == [name]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(warehouse: Warehouse, delimiter: str) -> None:
    assert names(load(warehouse, text(line(), line(2)).replace(",", delimiter))) == ["nail", "nail"]


def test_commas_within_a_quoted_header_do_not_make_the_comma_the_delimiter(warehouse: Warehouse) -> None:
    header = CANONICAL_HEADER.replace(",", ";") + ';"a,b,c,d,e,f,g,h,i,j,k"'
    assert names(load(warehouse, text(line().replace(",", ";") + ";x", header=header))) == ["nail"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_every_line_end_is_read_with_and_without_the_last_one(warehouse: Warehouse, end: str, is_ended: bool) -> None:
    content = text(line(1), line(2), end=end)
    outcome = load(warehouse, content if is_ended else content.removesuffix(end))
    assert outcome.column("source_row") == [2, 3]
    assert outcome.column("country") == ["UK", "UK"]


def test_mixed_line_ends_are_read(warehouse: Warehouse) -> None:
    content = f"{CANONICAL_HEADER}\r\n{line(1)}\n{line(2)}\r{line(3)}\r\n\r{line(4)}"
    outcome = load(warehouse, content)
    assert {row: values["order_id"] for row, values in outcome.rows.items()} == {2: "1", 3: "2", 4: "3", 6: "4"}


def test_a_packed_file_is_read_under_any_name(warehouse: Warehouse) -> None:
    content = gzip.compress(text(line()).encode())
    assert names(load(warehouse, content, ".csv.gz")) == ["nail"]
    assert names(load(warehouse, gzip.compress(text(line(2)).encode()), ".csv")) == ["nail"]


def test_a_plain_file_that_is_named_as_packed_is_read(warehouse: Warehouse) -> None:
    assert names(load(warehouse, text(line()), ".csv.gz")) == ["nail"]


@pytest.mark.parametrize(
    "name", ["a[1].csv", "a*.csv", "a?.csv", "2024=05/a.csv", "it's.csv", "ü .csv", "{a,b}.csv", "a\nb.csv"]
)
def test_a_name_is_no_pattern_and_no_other_file_is_read(warehouse: Warehouse, name: str) -> None:
    write_drop(warehouse.home, "a1.csv", text(line("other")))
    load_drops(warehouse)
    assert load(warehouse, text(line("mine")), name=name).column("order_id") == ["mine"]
    assert warehouse.count("raw.transactions") == 2


def test_a_name_that_is_no_text_does_not_matter(warehouse: Warehouse) -> None:
    path = warehouse.home.drops / b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    write_drop(warehouse.home, path.name, text(line()))
    (drop,) = load_drops(warehouse).loaded
    assert (drop.file_name, drop.rows_loaded) == ("caf\ufffd.csv", 1)


def test_header_case_blanks_quotes_and_mark_do_not_matter(warehouse: Warehouse) -> None:
    header = '\ufeff"Order_ID", ORDER_TS ,customer_id,"Product_ID ",product_name,"QUANTITY",unit_price,Country'
    assert names(load(warehouse, text(line(), header=header))) == ["nail"]


def test_a_header_over_several_lines_is_read(warehouse: Warehouse) -> None:
    header = 'Invoice,StockCode,Description,Quantity,InvoiceDate,Price,"Customer\n ID",Country'
    outcome = load(warehouse, f"\n{header}\n1,p,nail,2,12/1/2010 8:26,1.5,c,UK\n")
    assert (outcome.format, list(outcome.rows)) == ("online_retail_ii", [4])


@pytest.mark.parametrize("name", ['5" nails', '"x', '"x"y', 'say "hi"', "caf\udce9", "\0"])
def test_a_broken_name_of_another_column_does_not_matter(warehouse: Warehouse, name: str) -> None:
    content = text(line(1) + ",x", line(2, product_name='"a\nb"') + ",x", header=f"{CANONICAL_HEADER},{name}")
    assert load(warehouse, content.encode("utf-8", "surrogateescape")).column("source_row") == [2, 3]


@pytest.mark.parametrize("first_line", ["sep=;\r\n", '\ufeff"sep=;"\n'])
def test_the_line_that_tells_excel_the_delimiter_is_no_header(warehouse: Warehouse, first_line: str) -> None:
    assert list(load(warehouse, first_line + text(line()).replace(",", ";")).rows) == [3]


def test_blank_lines_before_the_header_count_as_lines(warehouse: Warehouse) -> None:
    assert list(load(warehouse, "\n \t\n" + text(line())).rows) == [4]


def test_columns_may_stand_in_any_order_with_others_between_them(warehouse: Warehouse) -> None:
    header = "x,country,unit_price,,quantity,product_name,product_id,y,customer_id,order_ts,order_id"
    outcome = load(warehouse, text("1,UK,1.5,2,7,nail,p,3,c,2024-05-31 17:45:00,o", header=header))
    row = outcome.rows[2]
    assert [row["order_id"], row["customer_id"], row["product_name"], row["country"]] == ["o", "c", "nail", "UK"]
    assert (float(str(row["quantity"])), float(str(row["unit_price"]))) == (7.0, 1.5)


def test_a_missing_column_is_named_with_the_nearest_format(warehouse: Warehouse) -> None:
    refusal = load(warehouse, "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Country\n").refusal
    assert refusal is not None
    assert "Nearest is online_retail (UCI Online Retail); it lacks: CustomerID." in refusal


def test_a_header_like_no_other_has_no_nearest_format(warehouse: Warehouse) -> None:
    refusal = load(warehouse, "spam,eggs\n1,2\n").refusal
    assert refusal is not None
    assert "Nearest" not in refusal
    assert "None of them is a column that a format needs; is the first line a header?" in refusal


def test_a_column_that_is_there_twice_is_refused(warehouse: Warehouse) -> None:
    refusal = load(warehouse, text(line() + ",3", header=CANONICAL_HEADER + ",Quantity")).refusal
    assert refusal is not None
    assert "'quantity' more than once" in refusal


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "\ufeff\r\n", "   \n"])
def test_a_file_without_a_header_is_refused_as_empty(warehouse: Warehouse, content: str) -> None:
    refusal = load(warehouse, content).refusal
    assert refusal is not None
    assert "is empty: it has no header line" in refusal


@pytest.mark.parametrize("content", [CANONICAL_HEADER, CANONICAL_HEADER + "\r\n\r\n"])
def test_a_header_alone_is_a_drop_of_no_rows(warehouse: Warehouse, content: str) -> None:
    outcome = load(warehouse, content)
    assert (outcome.refusal, outcome.rows_read) == (None, 0)


def test_ten_thousand_columns_are_read(warehouse: Warehouse) -> None:
    more = ",".join(f"x{number}" for number in range(10_000))
    outcome = load(warehouse, text(f"{more},{line()}", line(), header=f"{more},{CANONICAL_HEADER}"))
    assert names(outcome) == ["nail"]
    assert outcome.reasons() == {3: "too few columns: the line has 8 instead of 10008"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line().removesuffix(",UK"), "too few columns: the line has 7 instead of 8"),
        (line() + ",x", "too many columns: the line has 9 instead of 8"),
        (line(product_name='"nail'), NOT_CLOSED),
        (line(product_name='"nail" 5'), "a quote is closed in the middle of a column"),
        (line(product_name="na\x00il"), "the line holds a NUL byte"),
        (line(product_name="1 GBP,50"), "too many columns: the line has 9 instead of 8"),
    ],
)
def test_a_broken_line_is_rejected_with_its_text_and_the_following_are_loaded(
    warehouse: Warehouse, bad: str, reason: str
) -> None:
    outcome = load(warehouse, text(line(1), bad, "", line(2), bad, line(3)))
    assert outcome.rejects == {3: (reason, bad), 6: (reason, bad)}
    assert list(outcome.rows) == [2, 5, 7]


def test_a_line_that_is_no_utf_8_is_rejected_in_a_file_that_is(warehouse: Warehouse) -> None:
    content = text(line(product_name="é"), line(product_name="café")).encode() + b"x,\xe9\n" + line(3).encode()
    outcome = load(warehouse, content)
    assert outcome.rejects == {4: ("the line is not valid UTF-8", "x,\ufffd")}
    assert names(outcome) == ["é", "café", "nail"]


def test_a_line_that_is_no_utf_16_is_rejected(warehouse: Warehouse) -> None:
    content = text(line(1)).encode("utf-16") + b"\x00\xd8" + ("\n" + line(2)).encode("utf-16-le")
    outcome = load(warehouse, content)
    assert outcome.reasons() == {3: "the line is not valid UTF-16"}
    assert list(outcome.rows) == [2, 4]


def test_an_open_quote_on_the_last_line_is_rejected(warehouse: Warehouse) -> None:
    outcome = load(warehouse, text(line(1), line(2, country='"UK')))
    assert outcome.reasons() == {3: NOT_CLOSED}


def test_a_quote_within_a_column_is_a_character(warehouse: Warehouse) -> None:
    given_names = ['5" nail', '5"" nail', 'the "big" nail', 'nail 5"', '""nail""'[2:], ' "nail"']
    assert names(load(warehouse, text(*(line(product_name=name) for name in given_names)))) == given_names


def test_two_names_in_inches_do_not_swallow_what_stands_between_them(warehouse: Warehouse) -> None:
    outcome = load(warehouse, text(line(1, product_name='"5 nail'), line(2), line(3, product_name='nail 5"'), line(4)))
    assert outcome.reasons() == {2: NOT_CLOSED}
    assert outcome.column("order_id") == ["2", "3", "4"]


def test_line_breaks_in_quotes_survive_and_count_as_lines(warehouse: Warehouse) -> None:
    several = ["two\nlines", "a\r\nb", "c\rd", "\n\n\n", "and, a comma\n"]
    outcome = load(warehouse, text(*(line(product_name=f'"{name}"') for name in several), line("last")))
    assert names(outcome) == [*several, "nail"]
    assert list(outcome.rows) == [2, 4, 6, 8, 12, 14]


def test_line_numbers_hold_after_blank_lines_rejects_and_line_breaks(warehouse: Warehouse) -> None:
    lines = [line(1), "", line(2, product_name='"a\nb"'), "x", "", "", line(3, quantity='"\n"'), line(4)]
    outcome = load(warehouse, text(*lines))
    assert outcome.column("order_id") == ["1", "2", "4"]
    assert list(outcome.rows) == [2, 4, 11]
    assert outcome.rejects[6] == ("too few columns: the line has 1 instead of 8", "x")
    assert outcome.rejects[9] == ("quantity '\n' is not a number up to 1,000,000,000", lines[6])


def test_a_value_that_is_a_byte_order_mark_is_kept_on_the_first_line(warehouse: Warehouse) -> None:
    assert load(warehouse, text(line("\ufeff", product_name="\ufeff"), "")).column("order_id") == ["\ufeff"]


def test_a_second_header_in_the_middle_is_rejected(warehouse: Warehouse) -> None:
    outcome = load(warehouse, text(line(1), "\ufeff" + CANONICAL_HEADER, line(2)))
    assert list(outcome.rows) == [2, 4]
    assert "is not a date" in outcome.reasons()[3]


def test_a_huge_line_is_rejected_and_the_others_are_loaded(warehouse: Warehouse) -> None:
    longest = line(2, product_name="x" * (2_000_000 - len(line(2, product_name=""))))
    outcome = load(warehouse, text(line(1), line(3, product_name="x" * 3_000_000), longest, line(4)))
    assert outcome.reasons() == {3: "the line is longer than 2,000,000 bytes"}
    assert len(outcome.rejects[3][1]) == 10_000
    assert outcome.column("order_id") == ["1", "2", "4"]


def test_one_line_without_end_is_refused(warehouse: Warehouse) -> None:
    refusal = load(warehouse, text(line(1)) + "x" * 20_000_000).refusal
    assert refusal is not None
    assert "line 3 is longer than" in refusal


def test_line_numbers_are_exact_in_a_file_of_many_blocks(warehouse: Warehouse) -> None:
    chance = random.Random(11)
    lines: list[str] = []
    expected: list[tuple[int, str]] = []
    for number in range(140_000):
        expected.append((len(lines) + 2, f"{number}"))
        name = chance.choice(["nail", '"a, b"', '"a\nb"', '"say ""hi"""', 'nail 5"', "x" * chance.randrange(200)])
        lines += line(number, product_name=name).split("\n")
        if chance.random() < 0.05:
            lines += chance.choice([[""], ["", ""], ["broken"], ['1,"open']])
    content = "\n".join([CANONICAL_HEADER, *lines])
    assert len(content) > 8_000_000
    outcome = load(warehouse, content)
    assert [(row, values["order_id"]) for row, values in sorted(outcome.rows.items())] == expected
    assert len(outcome.rejects) == sum(text in ("broken", '1,"open') for text in lines)
    assert {raw for _, raw in outcome.rejects.values()} == {"broken", '1,"open'}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("breaks", [[], ['"a\nb"', '"c\n\n,d"']])
def test_a_file_with_quotes_that_is_cut_for_the_threads_keeps_its_lines_in_their_places(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, line_end: str, breaks: list[str]
) -> None:
    monkeypatch.setattr(read_csv, "LARGE", 0)
    monkeypatch.setattr(scan_lines, "BLOCK", 200)
    read: list[int] = []
    cut = read_csv._cut
    monkeypatch.setattr(read_csv, "_cut", lambda *given: [read.append(len(paths := cut(*given))), paths][1])
    warehouse.execute("set threads = 3")
    chance = random.Random(5)
    lines: list[str] = []
    expected: list[tuple[int, str]] = []
    for number in range(400):
        expected.append((len(lines) + 2, f"{number}"))
        lines += line(number, product_name=chance.choice(["nail", '"a, b"', '"say ""hi"""', *breaks])).split("\n")
    outcome = load(warehouse, line_end.join([CANONICAL_HEADER, *lines]))
    assert read == [3]
    assert [(row, values["order_id"]) for row, values in sorted(outcome.rows.items())] == expected
    assert outcome.rejects == {}


def test_lines_without_quotes_are_in_their_place_where_threads_share_a_file(warehouse: Warehouse) -> None:
    content = text(*(line(number) for number in range(2, 400_002)))
    assert len(content) > 2 * 8_000_000  # DuckDB gives a thread 8 MB
    write_drop(warehouse.home, "a.csv", content)
    load_drops(warehouse)
    assert warehouse.row(
        "select count(*), count(*) filter (source_row = order_id::bigint), count(distinct order_id) "
        "from raw.transactions"
    ) == (400_000, 400_000, 400_000)


KINDS: list[tuple[Callable[[int], str], str]] = [
    (lambda i: line(i).removesuffix(",UK"), "too few columns: the line has 7 instead of 8"),
    (lambda i: line(i) + ",x", "too many columns: the line has 9 instead of 8"),
    (lambda i: line(i, product_name='"nail'), NOT_CLOSED),
    (lambda i: line(i, product_name='"nail"5'), "a quote is closed in the middle of a column"),
    (lambda i: line(i, product_name="\x00"), "the line holds a NUL byte"),
    (lambda i: line(i, product_name="\udce9"), "the line is not valid UTF-8"),
    (lambda i: line("", customer_id=i), "order_id is empty"),
    (
        lambda i: line(i, order_ts="2024-02-30 10:00:00"),
        "order_ts '2024-02-30 10:00:00' is not a date and time such as 2024-05-31 17:45:00",
    ),
    (
        lambda i: line(i, order_ts="2024-02-29 10:00:00+01:00"),
        "order_ts '2024-02-29 10:00:00+01:00' has an offset from UTC; set ingest.timezone to the store's time zone",
    ),
    (lambda i: line(i, quantity='"1,234"'), "quantity '1,234' is not a number up to 1,000,000,000"),
]


def test_a_thousand_broken_lines_of_ten_kinds_are_rejected_and_no_other(warehouse: Warehouse) -> None:
    good = [(line(f"good-{number}", product_name="é"), None) for number in range(20_000)]
    bad = [(make(number), reason) for number in range(100) for make, reason in KINDS]
    lines: list[tuple[str, str | None]] = [*good, *bad]
    random.Random(2024).shuffle(lines)
    outcome = load(warehouse, text(*(content for content, _ in lines)).encode("utf-8", "surrogateescape"))
    expected = {row: (reason, content) for row, (content, reason) in enumerate(lines, start=2) if reason}
    assert outcome.reasons() == {row: reason for row, (reason, _) in expected.items()}
    assert {row: raw for row, (_, raw) in outcome.rejects.items()} == {
        row: content.replace("\udce9", "\ufffd") for row, (_, content) in expected.items()
    }
    assert {row: f"{values['order_id']}" for row, values in outcome.rows.items()} == {
        row: content.split(",")[0] for row, (content, reason) in enumerate(lines, start=2) if not reason
    }


FIELD = st.text(alphabet='ab ,;\t"\n\r\u00e9\u2028\U0001f600', max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=40),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    blanks=st.integers(0, 2),
    is_small=st.booleans(),
)
def test_whatever_python_writes_is_read_back(
    shared_warehouse: Warehouse,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    line_end: str,
    codec: str,
    blanks: int,
    is_small: bool,
) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(CANONICAL_HEADER.split(","))
    for customer, name, country in rows:
        writer.writerow(["o", "2024-05-31 17:45:00", customer, "p", name, 2, 1.5, country])
        content.write(line_end * blanks)
    with pytest.MonkeyPatch.context() as patch_:
        if is_small:  # a buffer ends on every few lines, a block within every line
            patch_.setattr(scan_lines, "BLOCK", 100)
            patch_.setattr(scan_lines, "LONGEST_RECORD", 300)
            patch_.setattr(read_csv, "LONGEST_RECORD", 300)
            patch_.setattr(read_csv, "READ_BUFFER", 700)
        forget(shared_warehouse)
        outcome = load(shared_warehouse, content.getvalue().encode(codec))
    assert outcome.reasons() == {}
    assert outcome.column("customer_id") == [customer.strip(" \t\r\n") or None for customer, _, _ in rows]
    assert outcome.column("product_name") == [name or None for _, name, _ in rows]
    assert outcome.column("country") == [country or None for _, _, country in rows]


SOUP = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\x00", b"\xff", b"1", b"a", b" ", b"\r\n", "é".encode(), b'""', line().encode()]
)


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(SOUP, max_size=60))
def test_no_bytes_break_a_load_and_every_line_is_accounted_for(
    shared_warehouse: Warehouse, pieces: list[bytes]
) -> None:
    content = CANONICAL_HEADER.encode() + b"\n" + b"".join(pieces)
    forget(shared_warehouse)
    outcome = load(shared_warehouse, content)
    assert outcome.refusal is None
    lines = content.splitlines()
    covered = {1} | {
        row + further for row, (_, raw) in outcome.rejects.items() for further in range(len(raw.encode().splitlines()))
    }
    assert {row for row, raw in enumerate(lines, start=1) if raw.strip(b" ")} <= covered | set(outcome.rows)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_damaged_anywhere_is_refused_or_read_with_nothing_lost(
    shared_warehouse: Warehouse, data: st.DataObject
) -> None:
    content = bytearray(text(*(line(1, product_name='"a, ""b"""') for _ in range(5))).encode())
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)
    ):
        content[place] = byte
    del content[data.draw(st.integers(0, len(content))) :]
    forget(shared_warehouse)
    outcome = load(shared_warehouse, bytes(content))
    assert outcome.refusal or outcome.rows_read == len(outcome.rows) + len(outcome.rejects)


def test_disagreement_with_the_engine_loads_nothing(warehouse: Warehouse) -> None:
    def miscount(*arguments: object, **options: object) -> scan_lines.Scan:
        scan = scan_lines.scan_lines(*arguments, **options)  # type: ignore[arg-type]
        scan.records += 1
        return scan

    with patch.object(read_csv, "scan_lines", miscount):
        refusal = load(warehouse, text(line(1))).refusal
    assert refusal is not None
    assert "2 lines were told apart but 1 were read" in refusal
    assert warehouse.count("raw.transactions") == 0
