"""How raw lines become core.order_lines: their type, their value, guests, duplicates, names and numbers."""

from decimal import Decimal

import pytest

from retail_pipeline.home import Home
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, Row, built, online_retail_csv, rows_of
from retail_pipeline_tests.stores import canonical, write_drop

Case = tuple[str, str, object, str, str]  # order, product, quantity, price, and the type expected
Types = dict[str, dict[str, str]]  # by format and order

SALE, RETURN, CANCELLATION, ADJUSTMENT, CHARGE = "sale", "return", "cancellation", "adjustment", "charge"

ONLINE_RETAIL_LINES = {
    "a sale": ("536365", "85123A", 6, "2.55", SALE),
    "a cancellation": ("C536379", "85123A", -1, "2.55", CANCELLATION),
    "a cancelled charge": ("C536380", "POST", -1, "18", CANCELLATION),
    "a cancelled zero price": ("C536381", "85123A", -1, "0", CANCELLATION),
    "a cancellation that counts up": ("C536382", "85123A", 3, "2.55", CANCELLATION),
    "bad debt": ("A563185", "B", 1, "11062.06", ADJUSTMENT),
    "bad debt below zero": ("A563186", "B", 1, "-11062.06", ADJUSTMENT),
    "a zero price in an A order": ("A563187", "85123A", 1, "0", ADJUSTMENT),
    "a negative stock correction": ("537032", "21275", -30, "0", ADJUSTMENT),
    "a negative stock correction with a price": ("537033", "21275", -30, "1.25", ADJUSTMENT),
    "a negative quantity of a charge": ("537034", "POST", -1, "18", ADJUSTMENT),
    "a zero price": ("536414", "22139", 56, "0", ADJUSTMENT),
    "a zero price of a charge": ("536415", "POST", 1, "0", ADJUSTMENT),
    "a negative price": ("536416", "22139", 1, "-1", ADJUSTMENT),
    "no quantity": ("536417", "22139", 0, "1.25", ADJUSTMENT),
    "postage": ("1", "POST", 1, "18", CHARGE),
    "postage in lower case": ("2", "post", 1, "18", CHARGE),
    "postage between blanks": ("3", " POST ", 1, "18", CHARGE),
    "DOT": ("4", "DOT", 1, "569.77", CHARGE),
    "D": ("5", "D", 1, "27.5", CHARGE),
    "M": ("6", "M", 1, "1.25", CHARGE),
    "m": ("7", "m", 1, "2.55", CHARGE),
    "C2": ("8", "C2", 1, "50", CHARGE),
    "CRUK": ("9", "CRUK", 1, "16.88", CHARGE),
    "PADS": ("10", "PADS", 1, "0.001", CHARGE),
    "S": ("11", "S", 1, "33.05", CHARGE),
    "B": ("12", "B", 1, "100", CHARGE),
    "BANK CHARGES": ("13", "BANK CHARGES", 1, "15", CHARGE),
    "Bank Charges": ("14", "Bank Charges", 1, "15", CHARGE),
    "AMAZONFEE": ("15", "AMAZONFEE", 1, "13541.33", CHARGE),
    "a gift voucher": ("16", "gift_0001_40", 1, "34.04", CHARGE),
    "a gift voucher in upper case": ("17", "GIFT_0001_40", 1, "34.04", CHARGE),
    "a test": ("18", "TEST001", 5, "4.5", CHARGE),
    "a test in lower case": ("19", "test002", 1, "1", CHARGE),
    "a code that only begins like one": ("20", "POSTCARD", 1, "0.42", SALE),
    "a code that only begins with D": ("21", "DCGS0003", 1, "0.83", SALE),
    "a code that holds TEST": ("22", "CONTEST", 1, "1", SALE),
    "a code that begins with GIFT": ("23", "GIFTBOX", 1, "1", SALE),
    "an order id with a C within": ("5C6", "85123A", 1, "2.55", SALE),
}

CANONICAL_LINES = {
    "a sale": ("1", "P1", 6, "2.55", SALE),
    "a fraction of a unit": ("2", "P1", "0.25", "2.55", SALE),
    "a zero price": ("3", "P1", 1, "0", SALE),
    "a return": ("4", "P1", -1, "2.55", RETURN),
    "a return at no price": ("5", "P1", -1, "0", RETURN),
    "no quantity": ("6", "P1", 0, "2.55", ADJUSTMENT),
    "a negative price": ("7", "P1", 1, "-2.55", ADJUSTMENT),
    "an order id with C": ("C8", "P1", 1, "2.55", SALE),
    "an order id with A": ("A9", "P1", 1, "2.55", SALE),
    **{code: (f"code {code}", code, 1, "2.55", SALE) for code in ["S", "M", "D", "POST", "gift_1", "TEST1", "B"]},
}


def lines_by_order(home: Home, **drops_: str) -> dict[str, Row]:
    """Build the tables of a store whose orders have one line each."""
    for name, content in drops_.items():
        write_drop(home, f"{name}.csv", content)
    with built(home, only=TO_ORDER_LINES) as warehouse:
        return {row["order_id"]: row for row in rows_of(warehouse, "core.order_lines")}


def order_line(order_id: object, product: object, quantity: object, price: object, **more: object) -> list[object]:
    """A line of UCI Online Retail."""
    row = {"name": "THING", "ts": "12/1/2010 8:26", "customer": "17850", "country": "United Kingdom", **more}
    return [order_id, product, row["name"], quantity, row["ts"], price, row["customer"], row["country"]]


def canonical_line(order_id: object, product: object, quantity: object, price: object, **more: object) -> list[object]:
    """A line of the canonical format."""
    row = {"name": "Thing", "ts": "2024-05-31 17:45:00", "customer": "c1", "country": "France", **more}
    return [order_id, row["ts"], row["customer"], product, row["name"], quantity, price, row["country"]]


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Types:
    """The line types of all cases by format and order, each format's built once."""
    two_header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    uci = [order_line(*case[:4]) for case in ONLINE_RETAIL_LINES.values()]
    contents = {
        "online_retail": online_retail_csv(uci),
        "online_retail_ii": online_retail_csv(uci, two_header),
        "canonical": canonical([canonical_line(*case[:4]) for case in CANONICAL_LINES.values()]),
    }
    found = {}
    for name, content in contents.items():
        lines = lines_by_order(Home(tmp_path_factory.mktemp(name)).create(), drop=content)
        assert {line["format"] for line in lines.values()} == {name}
        found[name] = {order: line["line_type"] for order, line in lines.items()}
    return found


@pytest.mark.parametrize("name", ["online_retail", "online_retail_ii"])
@pytest.mark.parametrize("case", ONLINE_RETAIL_LINES.values(), ids=ONLINE_RETAIL_LINES.keys())
def test_a_line_of_the_uci_formats_is_classified(types: Types, name: str, case: Case) -> None:
    assert types[name][case[0]] == case[4]


@pytest.mark.parametrize("case", CANONICAL_LINES.values(), ids=CANONICAL_LINES.keys())
def test_a_canonical_line_is_classified(types: Types, case: Case) -> None:
    assert types["canonical"][case[0]] == case[4]


def test_a_code_is_a_charge_whatever_its_lines_type(home: Home) -> None:
    lines = [order_line("C1", "CRUK", -1, "16.88"), order_line("2", "CRUK", 1, "0"), order_line("3", "85123A", 1, "1")]
    found = lines_by_order(home, uci=online_retail_csv(lines))
    assert {order: line["is_charge"] for order, line in found.items()} == {"C1": True, "2": True, "3": False}


def test_formats_side_by_side_keep_their_own_rules(home: Home) -> None:
    found = lines_by_order(
        home,
        uci=online_retail_csv([order_line("1", "m", 1, "2"), order_line("2", "ab1", 1, "2")]),
        canonical=canonical([canonical_line("3", "M", 1, "2"), canonical_line("4", "ab1", 1, "2")]),
    )
    assert {order: (line["product_id"], line["line_type"]) for order, line in found.items()} == {
        "1": ("M", CHARGE),
        "2": ("AB1", SALE),
        "3": ("M", SALE),
        "4": ("ab1", SALE),
    }


def test_product_ids_are_trimmed_and_in_upper_case_for_uci_formats_only(home: Home) -> None:
    uci = [order_line("1", " 15056bl ", 1, "1"), order_line("2", "15056BL", 1, "1")]
    own = [canonical_line("3", " ab-1 ", 1, "1"), canonical_line("4", "AB-1", 1, "1")]
    found = lines_by_order(home, uci=online_retail_csv(uci), canonical=canonical(own))
    assert {order: line["product_id"] for order, line in found.items()} == {
        "1": "15056BL",
        "2": "15056BL",
        "3": "ab-1",
        "4": "AB-1",
    }


def test_a_line_without_a_customer_is_a_guests(home: Home) -> None:
    found = lines_by_order(
        home, uci=online_retail_csv([order_line("1", "X", 1, "1", customer=""), order_line("2", "X", 1, "1")])
    )
    assert [(found[order]["customer_id"], found[order]["is_guest"]) for order in "12"] == [
        (None, True),
        ("17850", False),
    ]


def test_a_lines_day_is_that_of_its_time(home: Home) -> None:
    found = lines_by_order(
        home,
        canonical=canonical(
            [
                canonical_line("1", "P", 1, "1", ts="2024-02-29 00:00:00"),
                canonical_line("2", "P", 1, "1", ts="2024-02-29 23:59:59"),
            ]
        ),
    )
    assert {str(line["order_date"]) for line in found.values()} == {"2024-02-29"}


FLAGS_OF_ORDER_1 = """
    select file_name, is_duplicate from core.order_lines join raw.drops using (drop_id) where order_id = '1' order by 1
"""
HEADER_OF_ALL = (
    "order_id,line_no,order_ts,customer_id,product_id,product_name,quantity,unit_price,amount,discount,status,"
    "country,currency,channel,store,category"
)
FULL_LINE = {
    "order_id": "", "line_no": "1", "order_ts": "2024-05-31 17:45:00", "customer_id": "c1", "product_id": "P",
    "product_name": "Pen", "quantity": "2", "unit_price": "3", "amount": "5.50", "discount": "0.50",
    "status": "paid", "country": "France", "currency": "EUR", "channel": "web", "store": "Lyon", "category": "Ink",
}  # fmt: skip
OTHER_VALUES = {
    "line_no": "2", "order_ts": "2024-05-31 17:45:01", "customer_id": "c2", "product_id": "Q", "product_name": "Pens",
    "quantity": "2.5", "unit_price": "3.0001", "amount": "5.51", "discount": "0.51", "status": "open",
    "country": "Italy", "currency": "USD", "channel": "shop", "store": "Nice", "category": "Oil",
}  # fmt: skip
MAY_BE_EMPTY = [
    "line_no", "customer_id", "product_name", "amount", "discount", "status", "country", "currency", "channel",
    "store", "category",
]  # fmt: skip


def full_lines(*changes: tuple[str, dict[str, str]]) -> str:
    """Lines with every exported column, each an order id and what differs from :data:`FULL_LINE`."""
    rows = [{**FULL_LINE, "order_id": order, **change} for order, change in changes]
    return canonical([[row[name] for name in HEADER_OF_ALL.split(",")] for row in rows], HEADER_OF_ALL)


def test_lines_that_differ_in_any_exported_column_are_no_duplicates(home: Home) -> None:
    pairs = []
    for name, value in OTHER_VALUES.items():
        pairs += [(f"other {name}", {}), (f"other {name}", {name: value})]
    for name in MAY_BE_EMPTY:
        pairs += [(f"no {name}", {}), (f"no {name}", {name: ""})]
    write_drop(home, "a.csv", full_lines(*pairs))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        flagged = rows_of(warehouse, "select order_id from core.order_lines where is_duplicate")
        assert warehouse.count("core.order_lines") == 2 * (len(OTHER_VALUES) + len(MAY_BE_EMPTY))
    assert flagged == []


def test_equal_lines_are_duplicates_and_nulls_equal_nulls(home: Home) -> None:
    nothing = dict.fromkeys(MAY_BE_EMPTY, "")
    write_drop(home, "a.csv", full_lines(("full", {}), ("empty", nothing), ("full", {}), ("empty", nothing)))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        flagged = rows_of(warehouse, "select order_id, source_row from core.order_lines where is_duplicate order by 1")
    assert flagged == [{"order_id": "empty", "source_row": 5}, {"order_id": "full", "source_row": 4}]


def test_of_equal_lines_in_a_file_the_first_stands(home: Home) -> None:
    line = order_line("1", "X", 1, "1")
    write_drop(home, "a.csv", online_retail_csv([line, order_line("1", "Y", 1, "1"), line, line]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(warehouse, "select source_row, is_duplicate, line_no from core.order_lines order by line_no")
    assert [(row["source_row"], row["is_duplicate"]) for row in rows] == [(2, False), (3, False), (4, True), (5, True)]


def test_of_equal_lines_in_two_drops_that_loaded_first_stands_whatever_its_name(home: Home) -> None:
    line = order_line("1", "X", 1, "1")
    write_drop(home, "z.csv", online_retail_csv([line]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        warehouse.execute("update raw.drops set loaded_at = loaded_at - interval 1 hour")
    write_drop(home, "a.csv", online_retail_csv([order_line("2", "X", 1, "1"), line]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(warehouse, FLAGS_OF_ORDER_1)
    assert rows == [{"file_name": "a.csv", "is_duplicate": True}, {"file_name": "z.csv", "is_duplicate": False}]


def test_what_an_earlier_drop_brought_is_told_from_what_a_file_repeats(home: Home) -> None:
    once, twice = order_line("1", "X", 1, "1"), order_line("1", "Y", 1, "1")
    write_drop(home, "a.csv", online_retail_csv([once, twice, twice]))
    write_drop(home, "b.csv", online_retail_csv([once, once, twice, order_line("2", "X", 1, "1")]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(
            warehouse,
            "select product_id, file_name, is_duplicate, is_reexported from core.order_lines "
            "join raw.drops using (drop_id) where order_id = '1' order by 1, file_name, source_row",
        )
    assert [tuple(row.values()) for row in rows] == [
        ("X", "a.csv", False, False),
        ("X", "b.csv", True, True),
        ("X", "b.csv", True, False),
        ("Y", "a.csv", False, False),
        ("Y", "a.csv", True, False),
        ("Y", "b.csv", True, True),
    ]


def test_of_equal_lines_in_drops_loaded_at_once_that_of_the_first_name_stands(home: Home) -> None:
    line = order_line("1", "X", 1, "1")
    for name in ["c.csv", "a.csv", "b.csv"]:
        write_drop(home, name, online_retail_csv([line, order_line(name, "X", 1, "1")]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        warehouse.execute("update raw.drops set loaded_at = timestamp '2024-01-01'")
    with built(home, only=TO_ORDER_LINES, full=True) as warehouse:
        rows = rows_of(warehouse, FLAGS_OF_ORDER_1)
    assert [row["is_duplicate"] for row in rows] == [False, True, True]


def test_equal_lines_of_different_orders_are_no_duplicates(home: Home) -> None:
    found = lines_by_order(home, uci=online_retail_csv([order_line("1", "X", 1, "1"), order_line("2", "X", 1, "1")]))
    assert not any(line["is_duplicate"] for line in found.values())


AMOUNTS = {
    # quantity, price, discount and total as exported: the amount
    ("3", "2.55", "", ""): "7.65",
    ("3", "2.55", "0.65", ""): "7.00",
    ("3", "2.55", "0.65", "6.99"): "6.99",
    ("-3", "2.55", "", ""): "-7.65",
    ("-3", "2.55", "0.65", ""): "-7.00",
    ("-3", "2.55", "-0.65", ""): "-7.00",
    ("3", "2.55", "-0.65", ""): "8.30",
    ("0.5", "0.0001", "", ""): "0.0001",
    ("0.4", "0.0001", "", ""): "0",
    ("200000", "300000", "", ""): "60000000000",
    ("316000", "316000.01", "", ""): "99856003160",
}


def test_a_lines_amount_is_exact(home: Home) -> None:
    names = ("quantity", "unit_price", "discount", "amount")
    changes = [(f"order {number:02}", dict(zip(names, line, strict=True))) for number, line in enumerate(AMOUNTS)]
    write_drop(home, "a.csv", full_lines(*changes))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(warehouse, "select amount, discount from core.order_lines order by order_id")
    assert [row["amount"] for row in rows] == [Decimal(amount) for amount in AMOUNTS.values()]
    discounts = [Decimal(discount or "0") for _, _, discount, _ in AMOUNTS]
    is_back = [quantity.startswith("-") for quantity, *_ in AMOUNTS]
    assert [row["discount"] for row in rows] == [
        -abs(discount) if back else discount for discount, back in zip(discounts, is_back, strict=True)
    ]


def test_line_numbers_count_each_orders_lines_with_duplicates_last(home: Home) -> None:
    lines = [order_line("1", code, 1, "1") for code in ["B1", "A1", "B1", "C1", "A1", "A1"]]
    write_drop(home, "a.csv", online_retail_csv([*lines, order_line("2", "Z1", 1, "1")]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(warehouse, "select order_id, line_no, product_id from core.order_lines order by 1, 2")
    assert [(row["order_id"], row["line_no"], row["product_id"]) for row in rows] == [
        ("1", 1, "A1"), ("1", 2, "B1"), ("1", 3, "C1"), ("1", 4, "A1"), ("1", 5, "A1"), ("1", 6, "B1"), ("2", 1, "Z1")
    ]  # fmt: skip


def test_exported_line_numbers_put_an_orders_lines_in_order(home: Home) -> None:
    numbered = [
        ("1", {"line_no": number, "product_id": code}) for number, code in [("30", "A"), ("7", "Z"), ("8", "B")]
    ]
    write_drop(home, "a.csv", full_lines(*numbered))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = rows_of(warehouse, "select line_no, product_id from core.order_lines order by 1")
    assert [(row["line_no"], row["product_id"]) for row in rows] == [(1, "Z"), (2, "B"), (3, "A")]


def names_of(home: Home, lines: list[list[object]]) -> dict[str, str | None]:
    write_drop(home, "a.csv", online_retail_csv(lines))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        names = {row["product_id"]: row["product_name"] for row in rows_of(warehouse, "core.product_names")}
        on_lines = rows_of(warehouse, "select distinct product_id, product_name from core.order_lines")
    assert {row["product_id"]: row["product_name"] for row in on_lines} == names
    assert len(on_lines) == len(names), "a product has one name on all of its lines"
    return names


def test_a_product_goes_by_the_name_most_of_its_lines_carry(home: Home) -> None:
    named = [("A", "MUG"), ("A", "CUP"), ("A", "MUG "), ("a", " MUG"), ("A", "CUP"), ("A", ""), ("A", ""), ("A", "")]
    lines = [order_line(str(place), code, 1, "1", name=name) for place, (code, name) in enumerate(named)]
    assert names_of(home, lines) == {"A": "MUG"}


def test_of_two_names_as_frequent_the_one_used_last_stands(home: Home) -> None:
    early, late = "12/1/2010 8:26", "12/2/2010 8:26"
    lines = [
        order_line("1", "A", 1, "1", name="ZEBRA", ts=late),
        order_line("2", "A", 1, "1", name="APE", ts=early),
        order_line("3", "B", 1, "1", name="ZEBRA", ts=early),
        order_line("4", "B", 1, "1", name="APE", ts=early),
    ]
    assert names_of(home, lines) == {"A": "ZEBRA", "B": "APE"}


def test_a_product_no_line_names_has_no_name(home: Home) -> None:
    lines = [order_line("1", "A", 1, "1", name=""), order_line("2", "A", 1, "1", name="  ")]
    assert names_of(home, lines) == {"A": None}


def test_a_later_drop_renames_a_product_on_all_of_its_lines(home: Home) -> None:
    write_drop(home, "a.csv", online_retail_csv([order_line("1", "A", 1, "1", name="OLD")]))
    with built(home, only=TO_ORDER_LINES):
        pass
    later = [order_line(str(order), "A", 1, "1", name="NEW") for order in (2, 3)]
    write_drop(home, "b.csv", online_retail_csv(later))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert rows_of(warehouse, "select distinct product_name from core.order_lines") == [{"product_name": "NEW"}]
