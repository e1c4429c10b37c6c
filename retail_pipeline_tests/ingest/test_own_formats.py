"""A shop's own csv, by a mapping in retail.toml."""

from datetime import datetime
from decimal import Decimal

import pytest

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.ingest.formats.known import known_formats
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.settings import load_settings
from retail_pipeline_tests.assets.store_tables import rows_of
from retail_pipeline_tests.stores import opened, write_drop
from retail_pipeline_tests.tables import build_tables

TILL = """
[[formats]]
name = "till"
constants = { currency = "EUR", country = "Germany" }
dates = ["%d.%m.%Y %H:%M", "%d.%m.%y %H:%M"]
decimal = ","
returns = { Art = ["Retoure", "Storno"] }
charge_products = ["versand"]

[formats.columns]
order_id = ["Filiale", "Bon"]
order_ts = ["Datum", "Uhrzeit"]
product_id = "Artikelnr"
product_name = "Artikel"
quantity = "Menge"
unit_price = "Preis"
customer_id = "Kunde"
"""
EXPORT = (
    "Filiale;Bon;Datum;Uhrzeit;Art;Artikelnr;Artikel;Menge;Preis;Kunde\r\n"
    "12;0007;01.12.2023;8:26;Verkauf;0815;Becher;2;1.234,50;K1\r\n"
    "12;0008;02.12.23;18:05;Retoure;0815;Becher;1;1.234,50;K1\r\n"
    "12;0009;02.12.2023;18:06;Verkauf;VERSAND;Porto;1;4,90 €;\r\n"
    "12;0010;31.13.2023;18:06;Verkauf;0815;Becher;1;4,90;\r\n"
    "12;0011;31.12.2023;18:06;Verkauf;0815;Becher;1;4.90;\r\n"
)


def complaint(home: Home, toml: str) -> str:
    home.settings_file.write_text(toml)
    with pytest.raises(SettingsError) as caught:
        known_formats(load_settings(home))
    return str(caught.value).replace(str(home.root), "HOME")


def test_a_shops_own_export_is_read_by_its_mapping(home: Home) -> None:
    home.settings_file.write_text(TILL)
    write_drop(home, "till.csv", EXPORT.encode("cp1252"))
    with opened(home) as warehouse:
        build_tables(warehouse)
        lines = rows_of(
            warehouse,
            "select order_id, order_ts, product_id, line_type, quantity, amount, customer_id, currency, country, "
            "format from core.order_lines order by source_row",
        )
        rejected = warehouse.execute("select source_row, reason from raw.rejected_rows order by 1").fetchall()
    common = {"currency": "EUR", "country": "Germany", "format": "till"}
    first, second, third = lines
    assert first == {
        "order_id": "12-0007", "order_ts": datetime(2023, 12, 1, 8, 26), "product_id": "0815", "line_type": "sale",
        "quantity": 2, "amount": Decimal(2469), "customer_id": "K1", **common,
    }  # fmt: skip
    assert (second["line_type"], second["quantity"], second["amount"]) == ("return", -1, Decimal("-1234.5"))
    assert second["order_ts"] == datetime(2023, 12, 2, 18, 5)
    assert (third["line_type"], third["customer_id"], third["amount"]) == ("charge", None, Decimal("4.9"))
    assert rejected == [
        (5, "Datum, Uhrzeit '31.13.2023 18:06' is not a date and time such as 31.05.2024 17:45"),
        (6, "Preis '4.90' is not a number up to 100,000,000,000"),
    ]


def test_a_total_does_where_there_is_no_price_and_a_name_where_there_is_no_code(home: Home) -> None:
    home.settings_file.write_text(
        '[[formats]]\nname = "totals"\nsame_order = "replace"\ntimezone = "UTC"\n'
        'columns = { order_id = "no", order_ts = "at", product_name = "what", quantity = "n", amount = "total" }\n'
        '[ingest]\ntimezone = "Europe/Rome"\n'
    )
    write_drop(home, "a.csv", "no,at,what,n,total\n1,2024-07-01 10:00,Bowl,4,10.00\n")
    with opened(home) as warehouse:
        build_tables(warehouse)
        [line] = rows_of(
            warehouse, "select order_ts, product_id, product_name, unit_price, amount from core.order_lines"
        )
        assert warehouse.value("select same_order from raw.formats where format = 'totals'") == "replace"
    assert tuple(line.values()) == (datetime(2024, 7, 1, 12), "Bowl", "Bowl", Decimal("2.5"), Decimal(10))


def test_a_format_that_was_taken_out_of_the_settings_still_rules_the_lines_it_read(home: Home) -> None:
    home.settings_file.write_text(TILL)
    write_drop(home, "till.csv", EXPORT.encode("cp1252"))
    with opened(home) as warehouse:
        build_tables(warehouse)
    home.settings_file.unlink()
    with opened(home) as warehouse:
        build_tables(warehouse)
        assert warehouse.value("select count(*) from core.order_lines where line_type = 'charge'") == 1


def test_an_own_format_goes_before_the_others(home: Home) -> None:
    home.settings_file.write_text(
        '[[formats]]\nname = "mine"\nzero_price = "adjustment"\ncolumns = { order_id = "order_id", order_ts = '
        '"order_ts", product_id = "product_id", quantity = "quantity", unit_price = "unit_price" }\n'
    )
    header = "order_id,order_ts,customer_id,product_id,product_name,quantity,unit_price,country\n"
    write_drop(home, "a.csv", header + "1,2024-07-01,c,p,n,1,0,UK\n")
    with opened(home) as warehouse:
        build_tables(warehouse)
        assert warehouse.value("select line_type from core.order_lines") == "adjustment"


COLUMNS = 'columns = { order_id = "a", order_ts = "b", product_id = "c", quantity = "d", unit_price = "e" }\n'
COMPLAINTS = {
    "no price": (
        '[[formats]]\nname = "x"\ncolumns = { order_id = "a", order_ts = "b", product_id = "c", quantity = "d" }\n',
        "the format 'x' has no column for unit_price",
    ),
    "an unknown date": (
        f'[[formats]]\nname = "x"\ndates = ["%Q"]\n{COLUMNS}',
        "the format 'x' has the date '%Q' with %Q. Known are: %d, %m",
    ),
    "a name that is taken": (f'[[formats]]\nname = "shopify"\n{COLUMNS}', "two formats called 'shopify'"),
    "no name": (f"[[formats]]\n{COLUMNS}", "HOME/retail.toml: [[formats]] 1: name is not set."),
    "an unknown field": (
        '[[formats]]\nname = "x"\ncolumns = { colour = "a" }\n',
        "HOME/retail.toml: [[formats]] 1: columns knows no field 'colour'; use 'order_id'",
    ),
    "an unknown key": (
        f'[[formats]]\nname = "x"\nlanguage = "de"\n{COLUMNS}',
        "HOME/retail.toml: [[formats]] 1: language is no setting. Allowed are: name, title, columns",
    ),
    "a wrong value": (
        f'[[formats]]\nname = "x"\ndecimal = ";"\n{COLUMNS}',
        "HOME/retail.toml: [[formats]] 1: decimal = ';' is not allowed: use '.' or ','.",
    ),
    "no list": ("[formats]\nname = 'x'\n", "formats must be written as [[formats]]"),
}


@pytest.mark.parametrize(("toml", "expected"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_mapping_that_is_wrong_is_told_what_is_allowed(home: Home, toml: str, expected: str) -> None:
    assert expected in complaint(home, toml)


def test_customer_ids_that_are_names_are_stored_as_hashes_where_the_format_says_so(home: Home) -> None:
    home.settings_file.write_text(TILL.replace('name = "till"', 'name = "till"\npersonal_ids = true'))
    write_drop(home, "till.csv", EXPORT)
    with opened(home) as warehouse:
        build_tables(warehouse, ["core.product_names"])
        hashed = Pseudonyms.of(home, warehouse.settings).of_customer("K1")
        found = warehouse.execute("select distinct customer_id from raw.transactions order by 1").fetchall()
    assert found == [(hashed,), (None,)]
