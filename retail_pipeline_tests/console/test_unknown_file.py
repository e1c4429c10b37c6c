"""A file whose header is unknown: ``retail add`` prints a mapping that reads it once it is in ``retail.toml``."""

import gzip
import tomllib
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
from retail_pipeline_tests.ingest.exports import export
from retail_pipeline_tests.stores import opened

COLUMNS = "order_id, order_ts::varchar, product_id, product_name, quantity::float, unit_price::float, discount::float"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(home.root))


def add(path: Path, content: str | bytes | None = None, *options: str) -> Result:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return CliRunner().invoke(main, ["add", *options, str(path)], catch_exceptions=False)


def paste(home: Home, result: Result) -> None:
    """Put what was printed at the end of ``retail.toml``."""
    with home.settings_file.open("a") as file:
        file.write(result.stdout)


def loaded(home: Home) -> list[tuple[object, ...]]:
    """What a run makes of the files that were added."""
    with opened(home) as warehouse:
        report = load_drops(warehouse)
        assert not report.refused
        assert sum(drop.rows_rejected for drop in report.loaded) == 0
        return warehouse.execute(f"select {COLUMNS} from raw.transactions order by source_row").fetchall()


GERMAN = (
    "Filiale;Bon;Datum;Uhrzeit;Art;Artikelnr;Artikel;Menge;Preis;Kunde\r\n"
    "12;0007;01.12.2023;8:26;Verkauf;0815;Becher;2;1.234,50;K1\r\n"
    "12;0008;31.12.2023;18:05;Retoure;0815;Schüssel;1;4,90 €;\r\n"
).encode("cp1252")
FRENCH = (
    "N° de commande;Date de commande;Référence;Désignation;Quantité;Prix unitaire TTC;Nom du client;Remise\n"
    "C-1;28/02/2024 10:11;A1;Bol;2;3,50;Jeanne Exemple;0,00\n"
    '"C-2";29/02/2024 10:12;A2;"Tasse; bleue";1;12,00;Marie Exemple;1,50\n'
)
ENGLISH = (
    "Receipt No,Date,Time,SKU,Description,Qty,Line Total,Customer Email\n"
    '7,"Mar 30, 2024",9:05 AM,A1,Bowl,2,"1,007.00",jane@x.example\n'
    '8,"Apr 1, 2024",1:15 PM,A2,"Cup, blue",1,2.50,\n'
)
EXPORTS = {
    "german": (
        GERMAN,
        [
            ("12-0007", "2023-12-01 08:26:00", "0815", "Becher", 2.0, 1234.5, None),
            ("12-0008", "2023-12-31 18:05:00", "0815", "Schüssel", -1.0, pytest.approx(4.9), None),
        ],
    ),
    "french": (
        FRENCH,
        [
            ("C-1", "2024-02-28 10:11:00", "A1", "Bol", 2.0, 3.5, 0.0),
            ("C-2", "2024-02-29 10:12:00", "A2", "Tasse; bleue", 1.0, 12.0, 1.5),
        ],
    ),
    "english": (
        ENGLISH,
        [
            ("7", "2024-03-30 09:05:00", "A1", "Bowl", 2.0, 503.5, None),
            ("8", "2024-04-01 13:15:00", "A2", "Cup, blue", 1.0, 2.5, None),
        ],
    ),
}


@pytest.mark.parametrize("option", [(), ("--explain",)], ids=["add", "explain"])
@pytest.mark.parametrize(("content", "expected"), EXPORTS.values(), ids=EXPORTS)
def test_what_is_printed_reads_the_file_once_it_is_pasted(
    home: Home, tmp_path: Path, content: str | bytes, expected: list[object], option: tuple[str, ...]
) -> None:
    path = tmp_path / "till 2024.csv"
    unknown = add(path, content, *option)
    assert unknown.exit_code == 1
    assert "fits no known format" in unknown.stderr
    assert not list(home.drops.iterdir())
    paste(home, unknown)
    known = add(path)
    assert known.exit_code == 0, known.output
    assert "(till_2024), 2 rows" in known.output
    assert "rejected" not in known.output
    assert loaded(home) == expected


def test_mappings_of_several_files_can_be_pasted_one_after_another(home: Home, tmp_path: Path) -> None:
    home.settings_file.write_text('[core]\nrevenue_policy = "gross"\n\n')
    for number, content in enumerate((FRENCH, GERMAN)):
        (tmp_path / str(number)).mkdir()
        paste(home, add(tmp_path / str(number) / "till.csv", content))
    for number in range(2):
        assert add(tmp_path / str(number) / "till.csv").exit_code == 0
    assert [each["name"] for each in tomllib.loads(home.settings_file.read_text())["formats"]] == ["till", "till_2"]


def test_workbooks_get_the_mapping_of_their_clearest_sheet(home: Home, tmp_path: Path) -> None:
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd hh:mm:ss"})
    book.add_worksheet("Notizen").write_row(0, 0, ["Wer", "Was"])
    sheet = book.add_worksheet("Verkauf")
    sheet.write_row(0, 0, ["Bon", "Datum", "Artikelnr", "Artikel", "Menge", "Preis"])
    sheet.write_row(1, 0, ["7", datetime(2024, 5, 31, 12), "0815", "Becher", 2, 1.5])
    book.close()
    path = tmp_path / "till.xlsx"
    paste(home, add(path, content.getvalue()))
    assert add(path).exit_code == 0
    assert loaded(home) == [("7", "2024-05-31 12:00:00", "0815", "Becher", 2.0, 1.5, None)]


def test_parquet_and_packed_files_get_a_mapping_too(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    select = "select 7 as invoice, timestamp '2024-05-31 12:00' as date, 'Bowl' as item, 2 as qty, 1.5 as price"
    duckdb.sql(select).write_parquet(str(path))
    paste(home, add(path))
    assert add(path).exit_code == 0
    paste(home, add(tmp_path / "packed.csv.gz", gzip.compress(b"\nsep=;\n" + GERMAN)))
    assert add(tmp_path / "packed.csv.gz").exit_code == 0
    assert loaded(home)[0] == ("7", "2024-05-31 12:00:00", "Bowl", "Bowl", 2.0, 1.5, None)


def test_long_mappings_are_not_broken_and_odd_rows_do_no_harm(tmp_path: Path) -> None:
    header = ["Bon", *(f"a quite long header without a meaning and with the number {number}" for number in range(20))]
    lines = [";".join(header), 'a "broken" row;', '"b"roken;', '"open', ";".join("x" * 21)]
    result = add(tmp_path / "long.csv", "\n".join(lines))
    (mapping,) = tomllib.loads(result.stdout)["formats"]
    assert mapping["columns"] == {"order_id": "Bon"}
    assert header[-1] in result.stdout


REFUSED = {
    "of no use": "Sale Date,Order ID,Buyer User ID,Full Name,First Name\n",
    "known, a column twice": "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country,Price\n",
    "one column": "a text\nand more of it\n",
    "empty": "",
    "binary": b"\x03a,b\x04,c\n1,2,3\n",
    "a zip archive": b"PK\x03\x04 and so on",
    "no parquet file": b"PAR1 and so on",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_no_mapping_can_read_gets_none(tmp_path: Path, content: str | bytes) -> None:
    result = add(tmp_path / "odd.csv", content)
    assert result.exit_code == 1
    assert result.stderr.startswith("Refused: ")
    assert result.stdout == ""


def test_a_known_file_that_is_not_of_the_format_asked_for_gets_none(tmp_path: Path) -> None:
    content = export("etsy", [{"Order ID": "1", "Sale Date": "04/12/26"}])
    result = add(tmp_path / "items.csv", content, "--format", "shopify")
    assert result.exit_code == 1
    assert result.stdout == ""
