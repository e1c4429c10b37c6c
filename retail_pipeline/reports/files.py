"""Where reports lie, and writing them at one stroke."""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb

from retail_pipeline.reports.contents import Contents
from retail_pipeline.reports.page import render_page
from retail_pipeline.reports.periods import Period
from retail_pipeline.reports.sentences import Read, Row

MOST_HEAD = 500
"""Characters of a page within which it names its state."""


def read_rows(connection: duckdb.DuckDBPyConnection) -> Read:
    """A function that runs queries on a connection and returns their rows by column name."""

    def read(query: str) -> list[Row]:
        result = connection.execute(query)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return read


def report_path(folder: Path, period: Period) -> Path:
    """A period's file: ``reports/month/2011-11.html``."""
    return folder / period.frequency / f"{period.name}.html"


def write_report(folder: Path, contents: Contents, render: Callable[[Contents], str] = render_page) -> Path:
    """Write a report's page, wholly or not at all; returns its path."""
    path = report_path(folder, contents.period)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        text = render(contents).replace("<head>", f'<head>\n<meta name="contents" content="{page_state(contents)}">', 1)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def page_state(contents: Contents) -> str:
    """A hash of what a page says and of the code that makes it."""
    return f"{contents.fingerprint}{page_code()}"


def says(path: Path, state: str) -> bool:
    """Whether a page is there and in this state: it names its own, so that a page written by another is known."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as page:
        return f'content="{state}"' in page.read(MOST_HEAD)


@cache
def page_code() -> str:
    """A hash of the code and templates that make the pages: with it the pages change."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted((*folder.glob("*.py"), *folder.glob("templates/*"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
