"""``retail add --explain`` as a user sees it."""

import gzip
from datetime import datetime
from io import BytesIO
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
from click.testing import CliRunner, Result

from retail_pipeline.cli import main
from retail_pipeline.home import Home
from retail_pipeline.ingest.loader import load_drops
from retail_pipeline.ingest.privacy import Pseudonyms, read_key
from retail_pipeline_tests.ingest.exports import export, shopify_line, shopify_order, woocommerce_item
from retail_pipeline_tests.stores import canonical, opened, write_drop

LINES = [
    ("1", "2024-05-01 10:00:00", "C1", "P1", "Bowl", 2, "3.50", "UK"),
    ("2", "2024-05-03 11:30:00", "C2", "P1", "Bowl", 4, "3.50", "IE"),
]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(home.root))


def retail(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def explained(path: Path, content: str | bytes) -> Result:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return retail("add", "--explain", str(path))


def table(output: str) -> dict[str, list[str]]:
    """The cells of each row of the printed table, by the first one."""
    rows = ([cell.strip() for cell in line.split("   ") if cell.strip()] for line in output.splitlines())
    return {cells[0]: cells[1:] for cells in rows if len(cells) > 1}


def test_a_file_is_explained_and_not_added(home: Home, tmp_path: Path) -> None:
    result = explained(tmp_path / "may.csv", canonical(LINES))
    assert result.exit_code == 0
    assert "may.csv: this pipeline's own csv (canonical), 2 rows, 2024-05-01 10:00:00 to 2024-05-03 11:30:00" in (
        result.output
    )
    assert "a text in UTF-8, its columns parted by commas" in result.output
    assert "is appended" in result.output
    assert "Rejected" not in result.output
    shown = table(result.output)
    assert shown["field"] == ["read from", "row 2", "row 3"]
    assert shown["quantity"] == ["quantity", "2.0000", "4.0000"]
    assert shown["customer_id"] == ["customer_id", "C1", "C2"]
    assert not list(home.drops.iterdir())


def test_what_is_shown_is_what_a_run_stores(home: Home, tmp_path: Path) -> None:
    rows = shopify_order("#1", [shopify_line("Bowl", 2, "3.50", "B1")], Email="ada@example.com")
    content = export("shopify", rows)
    shown = table(explained(tmp_path / "orders.csv", content).output)
    write_drop(home, "orders.csv", content)
    with opened(home) as warehouse:
        load_drops(warehouse)
        stored = warehouse.connection.sql("from raw.transactions").df().to_dict("records")[0]
    for field in ("order_id", "order_ts", "customer_id", "product_id", "product_name", "status", "country", "channel"):
        assert shown[field][-1] == str(stored[field])


def test_nobody_can_be_told_from_what_is_shown(home: Home, tmp_path: Path) -> None:
    person = {"Email": "jane@mail.example", "Billing Name": "Jane Example", "Notes": "for Jane"}
    rows = [
        *shopify_order("#1", [shopify_line("Bowl", 2, "3.50"), shopify_line("jane@mail.example", 1, "1")], **person),
        *shopify_order("#2", [shopify_line("Bowl", 2, "jane@mail.example")], **person),
    ]
    output = explained(tmp_path / "orders.csv", export("shopify", rows)).output
    assert "jane" not in output.lower()
    assert Pseudonyms(read_key(home)).of_customer("jane@mail.example") in output


def test_headers_behind_what_is_made_of_several_are_named(tmp_path: Path) -> None:
    row = {
        "order_id": "11",
        "order_date": "2026-03-03 10:00:00",
        "status": "completed",
        "customer_email": "e@x.example",
    }
    lines = {f"line_item_{number}": woocommerce_item("Bowl", 7, 2, "9.00", "10.00") for number in (1, 2)}
    result = explained(tmp_path / "orders.csv", export("woocommerce", [{**row, **lines}]))
    shown = table(result.output)
    assert shown["customer_id"][0] == "customer_id, customer_user, customer_email, billing_email"
    assert shown["amount"] == ["line_item_1 to line_item_3: total", "9.0000", "9.0000"]
    assert "replaces what it was" in result.output


def test_rejected_rows_are_shown_with_row_and_reason(tmp_path: Path) -> None:
    faulty = [(str(number), "soon", "C1", "P1", "Bowl", 1, "1", "UK") for number in range(7)]
    result = explained(tmp_path / "may.csv", canonical([LINES[0], *faulty]) + "a,broken,line\n")
    assert result.exit_code == 0
    assert "7 rows will be rejected: order_ts" in result.output
    assert "Rejected would be (5 of 8 shown):" in result.output
    assert "    row 3: order_ts 'soon' is not a date and time such as" in result.output
    assert "row 7:" in result.output
    assert "row 8:" not in result.output


def test_a_file_that_would_be_refused_fails_and_the_others_are_explained(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("what,is,this\n1,2,3\n")
    (tmp_path / "good.csv").write_text(canonical(LINES))
    result = retail("add", "--explain", str(tmp_path / "bad.csv"), str(tmp_path / "good.csv"))
    assert result.exit_code == 1
    assert "Refused: bad.csv fits no known format" in result.output
    assert "good.csv: this pipeline's own csv" in result.output
    assert not list(home.drops.iterdir())


def test_a_file_of_another_format_than_asked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text(canonical(LINES))
    result = retail("add", "--explain", "--format", "etsy", str(tmp_path / "may.csv"))
    assert result.exit_code == 1
    assert "not etsy" in result.output


def test_sheets_that_are_left_out_are_named(tmp_path: Path) -> None:
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet("Orders")
    sheet.write_row(0, 0, canonical([]).strip().split(","))
    sheet.write_row(1, 0, ["1", datetime(2024, 5, 31, 12), "c", "p", "nail", 2, 1.5, "UK"])
    book.add_worksheet("Notes").write_row(0, 0, ["what", "who"])
    book.close()
    result = explained(tmp_path / "may.xlsx", content.getvalue())
    assert "a workbook, 1 of its sheets read" in result.output
    assert "sheet 'Notes' is left out with its 1 rows: may.xlsx, sheet 'Notes' fits no known format" in result.output
    assert table(result.output)["order_ts"] == ["order_ts", "2024-05-31 12:00:00"]


def test_kinds_and_encodings_are_told(tmp_path: Path) -> None:
    semicolons = canonical(LINES).replace(",", ";").replace("Bowl", "Schüssel")
    packed = explained(tmp_path / "may.csv.gz", gzip.compress(semicolons.encode("cp1252")))
    assert "a text in Windows-1252, packed with gzip, its columns parted by semicolons" in packed.output
    (tmp_path / "may.csv").write_text(canonical(LINES))
    duckdb.sql(f"from '{tmp_path}/may.csv'").write_parquet(str(tmp_path / "may.parquet"))
    result = retail("add", "--explain", str(tmp_path / "may.parquet"))
    assert "a parquet file" in result.output
    assert table(result.output)["product_name"] == ["product_name", "Bowl", "Bowl"]


def test_exchange_rates_are_explained_and_added(home: Home, tmp_path: Path) -> None:
    result = explained(tmp_path / "rates.csv", "date,currency,rate\n2024-01-01,EUR,1.1\n2024-02-01,EUR,1.2\n")
    assert result.exit_code == 0
    assert "2024-01-01 to 2024-02-01" in result.output
    assert table(result.output)["rate_date"] == ["date", "2024-01-01", "2024-02-01"]
    assert retail("add", str(tmp_path / "rates.csv")).exit_code == 0
    assert [path.name for path in home.drops.iterdir()] == ["rates.csv"]


def test_a_constant_of_an_own_format_is_named_as_one(home: Home, tmp_path: Path) -> None:
    home.settings_file.write_text(
        '[[formats]]\nname = "till"\ndecimal = ","\ndates = ["%d.%m.%Y"]\nconstants = { currency = "EUR" }\n'
        'returns = { Art = "Retoure" }\n[formats.columns]\norder_id = ["Filiale", "Bon"]\norder_ts = "Tag"\n'
        'product_id = "Nr"\nquantity = "Menge"\namount = "Betrag"\n'
    )
    result = explained(tmp_path / "a.csv", "Filiale;Bon;Tag;Nr;Menge;Betrag;Art\n1;2;31.12.2024;4;2;3,00;Retoure\n")
    shown = table(result.output)
    assert shown["order_id"] == ["Filiale, Bon", "1-2"]
    assert shown["quantity"] == ["Art, Menge", "-2.0000"]
    assert shown["unit_price"] == ["Art, Menge, Betrag", "1.5000"]
    assert shown["currency"] == ["formats.till.constants", "EUR"]
