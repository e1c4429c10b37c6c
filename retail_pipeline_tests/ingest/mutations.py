"""Damage for the fuzzer: to a table before it is written, to the container it is written in, and to its bytes."""

import csv
import gzip
import io
import random
import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from retail_pipeline_tests.ingest.sales import SALES_KINDS, TILL, Sale, Sheet

NUMBERS = (
    "1e400", "1e5", "-1e-9", "NaN", "inf", "-Infinity", "0x10", "１２", "٣", "1,2,3", "1.234,50", "1'000.5", "12,5",
    "--1", "+-1", "-", "", " ", "9" * 25, "9" * 5000, "0.00001", "99999999999.99995", "100000000000", "(5.00)", "$5",
    "5 €", "€ -5", "1 000", "1\u202f000,5", "1.0.0", ".", ",", "1_000", "TRUE", "=1+1", "½", "-0", "0", "1000000000.5",
    "999999999", "-99999999999.9999", "0.0001", "1e-4", "1E+3", "kr 5", "5-", "(-5)",
)  # fmt: skip
DATES = (
    "2024-02-30", "0000-00-00", "9999-12-31 23:59:59", "9999-12-31 23:59:60", "2024-01-01 24:00:00", "1-1-1",
    "31/12/2024", "12/31/24", "12/31/2024 8:26", "13/13/2024 8:26", "45292.5", "20240101", "2024-W01-1", "now", "today",
    "infinity", "epoch", "-infinity", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00 +9999", "2024-01-01 00:00:00 +1400",
    "2024-01-01 00:00:00.123456789", "2024-01-01 00:00:00 Europe/Berlin", "294247-01-10 04:00:54.775807",
    "1000-01-01", "2024-03-31 02:30:00", "2024-13-01", "01.02.2024 10:00:00", "2024-01-01 +01:00", "1970-01-01 (BC)",
    "9999-12-31T23:59:59-15:59", "1000-01-01T00:00:00+15:59", "12/31/9999 23:59", "00/00/00", "2/29/1900 1:00",
)  # fmt: skip
TEXTS = (
    '"', '""', '"a', 'a"b', 'a""b', '"a"b', "'", "\x00", "\x00\x00", "\n", "\r", "\r\n", "\n\n\n", "\t", ",", ";", "|",
    "\\", '\\"', "\ufeff", "\u2028", "\x85", "\x0b", "\x0c", "\x1a", "\x1b[31m", "é", "😀", "\u202eabc", "e\u0301",
    "ﬁ", "NULL", "null", r"\N", "nan", "#N/A", "#REF!", "=1+1", "@SUM(A1)", '="007"', '="', "007", "1E5", "17850.0",
    "  x  ", "\xa0x\xa0", "x" * 70_000, "${x}", "{}", "%s", "$1", "'; drop table raw.drops; --", "a@b.co", "<b>&amp;",
    "&#0;", "_x000D_", "_x0000_", "name:x|product_id:1|quantity:2|total:3", "|sku:|quantity:|", "amount:1e9|date:x;",
    "\U0010ffff", "\ue000", "İ", "ß", "\u200b", "a" * 300 + '"' * 301, "C1", "A1", "date", "source_row", "c0",
    "file_row_number",
)  # fmt: skip
PIECES = (
    b'"', b'""', b'"\n', b'\n"', b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\n\n\n\n", b"\x00", b"\xff", b"\xfe",
    b"\xc3", b"\xe2\x82", b"\xf4\x90\x80\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1a", b"\x85",
    b"\xe9", b"\\", b"sep=;\n", b'"a"b"', b'"' * 1001, b"\n" * 5000, b"," * 5000, b" " * 5000, b"a" * 3000,
    b'"\n' * 700, b'","' * 700, b"\x80\x81\x8d\x8f", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"\r\r\n", b'\r"', b"<row ",
    b'r="', b'"/>', b"</row>", b"&#x0;", b"<!DOCTYPE x>", b"<![CDATA[", b't="e"', b't="s"', b"<f>", b"-1", b"99999999",
)  # fmt: skip
ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-8-sig",
    "cp1252",
    "latin-1",
    "utf-32",
    "utf-7",
    "cp037",
    "mac_roman",
)
PARQUET_TYPES = (
    "string", "large_string", "int8", "int64", "uint64", "float32", "float64", "bool_", "binary", "date32", "date64",
)  # fmt: skip
PARTS = ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels")
CONTAINERS = ("csv", "tsv", "semicolon", "xlsx", "parquet", "gz")
SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".parquet", ".gz", ".csv.gz", "", ".zip", ".xls", ".CSV", ".bin", ".json")
NAMES = (
    "a",
    "ü€",
    "a b",
    "it's",
    "a*?[b]",
    "a\nb",
    "-v",
    "%41",
    "a" * 200,
    "a.b",
    "$HOME",
    "=x",
    "CON",
    "a;b|c",
    '"q"',
)
NO_TEXT_NAME = b"\xff\xfe"

Dice = random.Random


def good_sheet(kind: str, dice: Dice) -> Sheet:
    """An export of a format in which all is well."""
    if kind == "currency_rates":
        days = [datetime(2024, 1, 1) + timedelta(days=number) for number in range(dice.randint(1, 9))]
        return Sheet(["date", "currency", "rate"], [[f"{day:%Y-%m-%d}", "EUR", f"1.{day.day}"] for day in days])
    sales = []
    for order in range(dice.randint(1, 6)):
        time = datetime(2020, 1, 1) + timedelta(minutes=dice.randrange(10**6))
        customer = dice.choice(["", "17850", "ada@example.com", "007"])
        for _ in range(dice.randint(1, 3)):
            product, price = f"p{dice.randrange(5)}", Decimal(dice.randrange(10**6)) / 100
            sales.append(Sale(f"{order:04}", time, customer, product, "Fern é", dice.randint(1, 9), price))
    return SALES_KINDS[kind].sheet(sales)


# The table


def _change_cells(sheet: Sheet, dice: Dice, texts: tuple[str, ...]) -> None:
    for _ in range(dice.choice([1, 1, 2, 5])):
        row = dice.choice(sheet.rows) if sheet.rows else sheet.header
        if row:
            row[dice.randrange(len(row))] = dice.choice(texts)


def numbers(sheet: Sheet, dice: Dice) -> None:
    """Odd numbers where numbers belong."""
    _change_some(sheet, dice, NUMBERS, lambda _, text: text.strip("$-.,0123456789") == "")


def dates(sheet: Sheet, dice: Dice) -> None:
    """Odd dates where dates belong."""
    _change_some(sheet, dice, DATES, lambda name, _: "dat" in name.lower() or "created" in name.lower())


def _change_some(sheet: Sheet, dice: Dice, texts: tuple[str, ...], is_wanted: Callable[[str, str], bool]) -> None:
    for row in dice.sample(sheet.rows, min(len(sheet.rows), 3)):
        wanted = [place for place, cell in enumerate(zip(sheet.header, row, strict=False)) if is_wanted(*cell)]
        if wanted:
            row[dice.choice(wanted)] = dice.choice(texts)


def texts(sheet: Sheet, dice: Dice) -> None:
    """Odd texts anywhere."""
    _change_cells(sheet, dice, TEXTS)


def strays(sheet: Sheet, dice: Dice) -> None:
    """Odd characters inside of cells."""
    for _ in range(dice.choice([1, 2, 5])):
        row = dice.choice([sheet.header, *sheet.rows])
        if row:
            place = dice.randrange(len(row))
            cut = dice.randint(0, len(row[place]))
            row[place] = row[place][:cut] + dice.choice(TEXTS) + row[place][cut:]


def headers(sheet: Sheet, dice: Dice) -> None:
    """Headers that lack, come twice, or are written otherwise."""
    place = dice.randrange(len(sheet.header)) if sheet.header else 0
    act = dice.randrange(6)
    if act == 0:
        del sheet.header[place : place + 1]
    elif act == 1:
        sheet.header[:] = [name.upper() for name in sheet.header]
    elif act == 2:
        sheet.header[:] = [f"  {name} " for name in sheet.header]
    elif act == 3:
        dice.shuffle(sheet.header)
    else:
        sheet.header[place : place + 1] = [dice.choice(TEXTS)]


def columns(sheet: Sheet, dice: Dice) -> None:
    """Columns that are gone, doubled, many, or of two formats."""
    place = dice.randrange(len(sheet.header)) if sheet.header else 0
    act = dice.randrange(4)
    more = [f"x{number}" for number in range(dice.choice([3, 50, 10_000]))]
    if act == 3:
        more = good_sheet(dice.choice(list(SALES_KINDS)), dice).header
    for row in (sheet.header, *sheet.rows):
        if act == 0:
            row[place:place] = row[place : place + 1]
        elif act == 1:
            del row[place : place + 1]
        else:
            row.extend(more if row is sheet.header else [""] * len(more))


def rows(sheet: Sheet, dice: Dice) -> None:
    """Rows that are blank, cut, too long, doubled, many, or gone."""
    act = dice.randrange(7)
    place = dice.randint(0, len(sheet.rows))
    if act == 0:
        sheet.rows.insert(place, [])
    elif act == 1:
        sheet.rows.insert(place, [""] * len(sheet.header))
    elif act == 2 and sheet.rows:
        del dice.choice(sheet.rows)[dice.randint(0, len(sheet.header)) :]
    elif act == 3 and sheet.rows:
        dice.choice(sheet.rows).extend(["x"] * dice.choice([1, 9, 10_000]))
    elif act == 4:
        sheet.rows.extend([list(row) for row in sheet.rows] * dice.choice([1, 3, 400]))
    elif act == 5:
        sheet.rows.clear()
    else:
        sheet.rows.insert(place, list(sheet.header))


TABLE_MUTATIONS: tuple[Callable[[Sheet, Dice], None], ...] = (numbers, dates, texts, strays, headers, columns, rows)

# The container


def write(sheet: Sheet, container: str, dice: Dice) -> bytes:
    """A table as a file of a kind."""
    if container == "xlsx":
        return _workbook(sheet, dice)
    if container == "parquet":
        return _parquet(sheet, dice)
    delimiter = {"tsv": "\t", "semicolon": ";", "csv": ",", "gz": dice.choice(",;\t|")}[container]
    content = _delimited(sheet, delimiter, dice)
    return gzip.compress(content) if container == "gz" else content


def _delimited(sheet: Sheet, delimiter: str, dice: Dice) -> bytes:
    text = io.StringIO()
    if dice.random() < 0.15:
        text.writelines(delimiter.join(row) + "\n" for row in (sheet.header, *sheet.rows))
    else:
        quoting = dice.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        writer = csv.writer(
            text, delimiter=delimiter, quoting=quoting, lineterminator=dice.choice(["\n", "\r\n", "\r"])
        )
        writer.writerows([sheet.header, *sheet.rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


def _workbook(sheet: Sheet, dice: Dice) -> bytes:
    import xlsxwriter

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
    with xlsxwriter.Workbook(content, options) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for number in range(dice.choice([1, 1, 1, 2, 3])):
            page = book.add_worksheet(dice.choice([None, None, f"{number} 'é\""]))
            top, left = dice.choice([(0, 0), (0, 0), (3, 2)])
            for row, cells in enumerate([sheet.header, *sheet.rows]):
                for column, text in enumerate(cells[: 16_000 - left]):
                    _write_cell(page, row + top, column + left, text, day, dice if row else None)
            if dice.random() < 0.1:
                page.write_string(dice.choice([100, 5000]), dice.choice([0, 30]), "far")
    return content.getvalue()


def _write_cell(page: Any, row: int, column: int, text: str, day: Any, dice: Dice | None) -> None:
    act = dice.random() if dice else 1.0
    try:
        if act < 0.3:
            page.write_number(row, column, float(text))
        elif act < 0.4:
            page.write_datetime(row, column, datetime.fromisoformat(text), day)
        elif act < 0.42:
            page.write_number(row, column, (dice or random).choice([-1.0, 0.5, 60.0, 2958466.0, 1e300, 45000.3]), day)
        elif act < 0.43:
            page.write_boolean(row, column, True)
        elif act < 0.45:
            page.write_formula(row, column, "=1/0", value=(dice or random).choice(["#DIV/0!", 3, "", "x", True]))
        else:
            page.write_string(row, column, text[:32_000])
    except (ValueError, TypeError, OverflowError):
        page.write_string(row, column, text[:32_000])


def _parquet(sheet: Sheet, dice: Dice) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays, names = [], []
    for place, name in enumerate(sheet.header):
        texts_of_column = [row[place] if place < len(row) else None for row in sheet.rows]
        column = pa.array([_encodable(text) for text in texts_of_column], pa.string())
        if dice.random() < 0.3:
            column = _typed(column, dice)
        arrays.append(column)
        names.append(_encodable(name))
    content = io.BytesIO()
    table = pa.Table.from_arrays(arrays, names=names)
    pq.write_table(table, content, compression=dice.choice(["none", "snappy", "gzip", "zstd", "brotli"]),
                   row_group_size=dice.choice([None, 1]))  # fmt: skip
    return content.getvalue()


def _encodable(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "replace").decode()


def _typed(column: Any, dice: Dice) -> Any:
    """A column of another type, where its texts can be brought into it."""
    import pyarrow as pa

    act = dice.randrange(6)
    try:
        if act == 0:
            return pa.array([None if text is None else [text] for text in column.to_pylist()])
        if act == 1:
            return pa.array([{"a": text} for text in column.to_pylist()])
        if act == 2:
            return column.dictionary_encode()
        if act == 3:
            zone = dice.choice([None, "UTC", "America/New_York"])
            return column.cast(pa.timestamp(dice.choice(["s", "ms", "us", "ns"]))).cast(pa.timestamp("us", zone))
        if act == 4:
            return column.cast(pa.decimal128(38, dice.choice([0, 4, 20])))
        return column.cast(getattr(pa, dice.choice(PARQUET_TYPES))())
    except (pa.ArrowException, TypeError, ValueError):
        return column


# The bytes


def splice(content: bytes, dice: Dice) -> bytes:
    """Bytes put in, taken out, doubled, changed, or cut off."""
    for _ in range(dice.choice([1, 1, 2, 4, 20])):
        place = dice.randint(0, len(content))
        span = dice.choice([1, 1, 2, 8, 100, 3000])
        act = dice.randrange(6)
        if act <= 1:
            content = content[:place] + dice.choice(PIECES) + content[place:]
        elif act == 2:
            content = content[:place] + content[place + span :]
        elif act == 3:
            content = content[:place] + content[place : place + span] * 2 + content[place + span :]
        elif act == 4 and place < len(content):
            content = content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :]
        elif act == 5 and dice.random() < 0.3:
            content = content[:place]
    return content


def encode(content: bytes, dice: Dice) -> bytes:
    """Another encoding, or two in one file."""
    text = content.decode("utf-8", "replace")
    encoded = text.encode(dice.choice(ENCODINGS), "replace")
    cut = dice.randint(0, len(content))
    return encoded if dice.random() < 0.7 else content[:cut] + encoded[dice.randint(0, len(encoded)) :]


def repack(content: bytes, dice: Dice) -> bytes:
    """A gzip file that is cut, goes on, or is packed twice."""
    act = dice.randrange(5)
    packed = content if content[:2] == b"\x1f\x8b" else gzip.compress(content)
    if act == 0:
        return packed[: dice.randint(0, len(packed))]
    if act == 1:
        return packed + dice.choice([b"\x00" * 100, b"trailing", packed, b"\x1f\x8b"])
    if act == 2:
        return gzip.compress(packed)
    return splice(packed, dice) if act == 3 else packed


def remake_parts(content: bytes, dice: Dice) -> bytes:
    """A workbook of which one part is damaged, gone, doubled, or called otherwise."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as parts, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        names = parts.namelist()
        chosen = dice.choice([*names, *[part for part in PARTS * 3 if part in names]])
        act = dice.randrange(7)
        for name in names:
            data = parts.read(name)
            if name != chosen:
                copy.writestr(name, data)
            elif act <= 2:
                copy.writestr(name, splice(data, dice))
            elif act == 3:
                copy.writestr(dice.choice([name.upper(), name.replace("/", "\\"), f"/{name}", f"../{name}"]), data)
            elif act == 4:
                copy.writestr(name, dice.choice([b"", b"<", b"\x00" * 1000, b"<x/>", data.decode().encode("utf-16")]))
            elif act == 5:
                copy.writestr(name, data)
                copy.writestr(f"{name}.bak", data)
    return made.getvalue()


# What is made once


def bombs(folder: Path) -> dict[str, Callable[[], Path]]:
    """Files that are large, or become large; each is made when it is its turn."""

    def made(name: str, write_to: Callable[[Any], None], opener: Callable[..., Any] = open) -> Callable[[], Path]:
        def make() -> Path:
            path = folder / name
            with opener(path, "wb") as file:
                write_to(file)
            return path

        return make

    def head(kind: str = "canonical") -> bytes:
        return (",".join(good_sheet(kind, random.Random(1)).header) + "\n").encode()

    def blocks(block: bytes, count: int, start: bytes = b"") -> Callable[[Any], None]:
        def write_to(file: Any) -> None:
            file.write(start)
            for _ in range(count):
                file.write(block)

        return write_to

    line = b"1,2024-01-01 00:00:00,c,p,n,1,1,UK\n"
    mib = 1 << 20
    return {
        "one line of 100 MB": made("line.csv", blocks(b"x" * mib, 100)),
        "one line of 100 MB below a header": made("line2.csv", blocks(b"x" * mib, 100, head())),
        "a quote that is never closed, 100 MB": made("quote.csv", blocks(line * 3000, 1000, head() + b'"')),
        "a quote in each of many lines": made("quotes.csv", blocks(b'1,2,"c,p\n' * 10_000, 30, head())),
        "100 MB of quotes": made("allquotes.csv", blocks(b'"' * mib, 100, head())),
        "100 MB of blank lines": made("blank.csv", blocks(b"\n" * mib, 100, head())),
        "100 MB of NULs": made("nul.csv", blocks(b"\x00" * mib, 100, head())),
        "many faulty lines": made("faulty.csv", blocks(b"1,2\n" * 10_000, 50, head())),
        "100 MB of delimiters": made("commas.csv", blocks(b"," * mib, 100, head())),
        "100 MB of carriage returns": made("returns.csv", blocks(b"\r" * mib, 100, head())),
        "a gzip bomb": made("bomb.csv.gz", blocks(b"x" * mib, 2000), gzip.open),
        "a gzip bomb of lines": made("bomb2.csv.gz", blocks(line * 30_000, 1000, head()), gzip.open),
        "a gzip bomb in UTF-16": made("bomb3.csv.gz", blocks(b"x\x00" * mib, 200, b"\xff\xfe"), gzip.open),
        "a sheet of zeros": _workbook_bomb(folder / "zeros.xlsx", PARTS[0], blocks(b"\x00" * mib, 5000)),
        "a sheet without a row's end": _workbook_bomb(folder / "row.xlsx", PARTS[0], blocks(b"<row><c>" * 10**5, 2000)),
        "shared strings of 2 GB": _workbook_bomb(folder / "s.xlsx", PARTS[2], blocks(b"<si>" * 10**5, 5000)),
        "40 million cells": _workbook_bomb(folder / "cells.xlsx", PARTS[0], _cells(40_000, 1000)),
        "a cell in the last row and column": _workbook_bomb(folder / "far.xlsx", PARTS[0], _far_cell),
        "many formulas": _workbook_bomb(folder / "f.xlsx", PARTS[0], _cells(30_000, 8, b"<c r=\"A%d\"><f>1</f></c>")),
        "nested entities": _workbook_bomb(folder / "laughs.xlsx", PARTS[0], _laughs),
        "nested entities in the index": _workbook_bomb(folder / "laughs2.xlsx", PARTS[1], _laughs),
    }  # fmt: skip


def _cells(count: int, width: int, cell: bytes = b'<c r="A%d"><v>1</v></c>') -> Callable[[Any], None]:
    def write_to(file: Any) -> None:
        file.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>')
        for row in range(1, count + 1):
            cells = (
                b"<c><v>1</v></c>" * width if cell.startswith(b"<c r") and b"<f>" not in cell else cell % row * width
            )
            file.write(b'<row r="%d">' % row + cells + b"</row>")
        file.write(b"</sheetData></worksheet>")

    return write_to


def _far_cell(file: Any) -> None:
    file.write(
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1048576">'
        b'<c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )


def _laughs(file: Any) -> None:
    entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    file.write(f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><x>&l9;</x>'.encode())


def _workbook_bomb(path: Path, part: str, write_to: Callable[[Any], None]) -> Callable[[], Path]:
    """A good workbook of which one part is another."""

    def make() -> Path:
        with tempfile.TemporaryFile() as good:
            good.write(_workbook(good_sheet("canonical", random.Random(2)), random.Random(3)))
            with zipfile.ZipFile(good) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as copy:
                for name in parts.namelist():
                    with copy.open(name, "w", force_zip64=True) as file:
                        if name == part:
                            write_to(file)
                        else:
                            file.write(parts.read(name))
        return path

    return make


SETTINGS = f"[ingest]\nmax_unpacked_gib = 0.5\n{TILL}"
"""For the home of the fuzzer: a shop's own format, and a limit that packed files reach soon."""
