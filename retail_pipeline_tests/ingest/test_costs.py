"""The list of unit costs: what is read, and what is said of a broken one."""

from decimal import Decimal
from pathlib import Path

import pytest

from retail_pipeline.errors import SettingsError
from retail_pipeline.ingest.costs import read_costs


def costs_of(folder: Path, content: str | bytes) -> dict[str, Decimal]:
    path = folder / "costs.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_costs(path, "bundles.costs_file")


@pytest.mark.parametrize(
    "content",
    [
        "product_id,unit_cost\nP,2.50\nQ,0\n",
        "\ufeffUnit_Cost , note, PRODUCT_ID\r\n2.50,x, P \r\n\r\n0,,Q\r\n",
        'product_id,unit_cost\n"P","2.50"\nQ,0',
        "product_id;unit_cost\r\nP;2,50\r\nQ;0\r\n",
        "product_id;note;unit_cost\nP;a, b;2.50\nQ;;0\n",
        '"product_id";"unit_cost"\n"P";"2,5"\n"Q";"0,00"\n',
        'product_id\tunit_cost\nP\t2,50\nQ\t"0"\n',
    ],
)
def test_costs_are_read_by_their_header(tmp_path: Path, content: str) -> None:
    assert costs_of(tmp_path, content) == {"P": Decimal("2.50"), "Q": 0}


def test_texts_in_quotes_may_hold_line_ends_and_no_other_character_ends_a_row(tmp_path: Path) -> None:
    content = 'product_id,note,unit_cost\r\nP,"two\r\nlines",2.50\r\nQ\u2028R,a\x0bb,.5\r\n'
    assert costs_of(tmp_path, content) == {"P": Decimal("2.50"), "Q\u2028R": Decimal("0.5")}


def test_empty_cells_after_the_last_column_are_nothing(tmp_path: Path) -> None:
    assert costs_of(tmp_path, "product_id,unit_cost\nP,2,,\n,,,\n") == {"P": Decimal(2)}


def test_a_point_or_comma_before_three_digits_is_what_other_numbers_show(tmp_path: Path) -> None:
    assert costs_of(tmp_path, "product_id;unit_cost\nP;1,234\nQ;2,50\n") == {"P": Decimal("1.234"), "Q": Decimal("2.5")}
    assert costs_of(tmp_path, "product_id;unit_cost\nP;1,234\n") == {"P": Decimal("1.234")}  # no mark of English ones
    assert costs_of(tmp_path, "product_id\tunit_cost\nP\t1.234\nQ\t0.5\n")["P"] == Decimal("1.234")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("product_id;unit_cost\nP;1.234\n", r"row 2: unit_cost is '1.234', which may be read in two ways"),
        ("product_id;unit_cost\nP;2,50\nQ;1.234\n", r"row 3: unit_cost is '1.234', which may be read in two ways"),
        ("product_id;unit_cost\nP;1.234,50\n", r"row 2: unit_cost is '1.234,50'.* without marks between thousands"),
        ("product_id\tunit_cost\nP\t1,234\n", r"row 2: unit_cost is '1,234', which may be read in two ways"),
        ("product_id;unit_cost\nP;2,50\nQ;2.50\n", r"row 2: unit_cost is '2,50', and the file has both"),
        ("product_id;unit_cost\nP;2,50;7\n", r"row 2 has 3 cells under a header of 2: 'P;2,50;7'. Put texts"),
        ("product_id;unit_cost\nP;x,y\n", r"row 2: unit_cost is"),
        ("product_id;cost\nP;1\n", r"must have one column unit_cost. Its header is 'product_id;cost'"),
        ("product;unit_cost\nP;1\n", r"must have one column product_id. Its header is 'product;unit_cost'"),
    ],
)
def test_numbers_between_semicolons_and_tabs_are_not_guessed(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        costs_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("product_id,cost\nP,1\n", r"costs.csv must have one column unit_cost. Its header is 'product_id,cost'"),
        ("product_id,unit_cost,unit_cost\nP,1,2\n", "must have one column unit_cost"),
        ("", "must have one column product_id"),
        ("product_id,unit_cost\nP,1\n,2\n", r"costs.csv, row 3: product_id is empty"),
        ("product_id,unit_cost\nP,1\n\nP,2\n", r"row 4: product_id 'P' stands in an earlier row"),
        ("product_id,unit_cost\nP,cheap\n", r"row 2: unit_cost is 'cheap'; it must be a number"),
        ("product_id,unit_cost\nP\n", r"row 2: unit_cost is ''; it must be a number"),
        ("product_id,unit_cost\nP,-1\n", r"row 2: unit_cost is '-1'; it must be 0 or more"),
        ("product_id,unit_cost\nP,nan\n", r"row 2: unit_cost is 'nan'"),
        ("product_id,unit_cost\nP,1e13\n", r"row 2: unit_cost is '1e13'"),
        ("product_id,unit_cost\nP,1e-9999999999999999999\n", r"row 2: unit_cost is '1e-9+'; it must be a number"),
        ("product_id,unit_cost\nP,1_0\n", r"row 2: unit_cost is '1_0'; it must be a number"),
        ("product_id,unit_cost\nP,\u0662\n", r"row 2: unit_cost is '\u0662'; it must be a number"),
        ('product_id,unit_cost\nP,"2,50"\n', r"row 2: unit_cost is '2,50'; it must be a number such as 2.50"),
        ("product_id,unit_cost\nP,1\nA,2,50\n", r"costs.csv, row 3 has 3 cells .* 'A,2,50'. .* as in 2.50"),
        (f"product_id,unit_cost\nP,1\n{'x' * 131_073},1\n", r"costs.csv, row 3 is no row .* larger than field limit"),
        ('product_id,unit_cost,note\nP,1,"x\nQ,2,y\n', r"costs.csv, row 2 is no row .* a quotation mark is missing"),
        (b"product_id,unit_cost\nP\xe9,1\n", "is not UTF-8 text"),
    ],
)
def test_a_broken_list_is_named_with_its_row_and_column(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        costs_of(tmp_path, content)


def test_a_missing_list_is_named_with_the_setting_that_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere.csv cannot be read .* bundles.costs_file names it"):
        read_costs(tmp_path / "nowhere.csv", "bundles.costs_file")
