"""The documents say what is so."""

import re
import tomllib
from pathlib import Path

from retail_pipeline.cli import main
from retail_pipeline.home import Home
from retail_pipeline.ingest.formats import FORMATS
from retail_pipeline.ingest.formats.own import own_format
from retail_pipeline.settings import OwnFormatSettings
from retail_pipeline.warehouse.reader import open_snapshot
from retail_pipeline_tests.settings_page import PAGE, settings_page

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
FORMATS_PAGE = (ROOT / "docs" / "formats.md").read_text()
TABLE_ROW = re.compile(r"^\| (?P<tables>`\w+\.\w+`.*?) \| .* \| `(?P<query>[^`]+)` \|$", re.MULTILINE)


def test_readme_describes_every_published_table_and_no_other(small_store: Home) -> None:
    described = {name for row in TABLE_ROW.finditer(README) for name in re.findall(r"`(\w+\.\w+)`", row["tables"])}
    with open_snapshot(small_store) as snapshot:
        rows = snapshot.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
    assert described == {name for (name,) in rows}


def test_every_example_query_of_the_readme_runs(small_store: Home) -> None:
    queries = [row["query"] for row in TABLE_ROW.finditer(README)]
    queries += re.findall(r'retail sql "([^"]+)"', README)
    assert len(queries) > 10
    with open_snapshot(small_store) as snapshot:
        for query in queries:
            snapshot.execute(query).fetchall()


def test_every_query_of_the_questions_page_runs_and_finds_something(small_store: Home) -> None:
    blocks = re.findall(r"(?:^    .*\n)+", (ROOT / "docs" / "questions.md").read_text(), re.MULTILINE)
    assert len(blocks) > 8
    with open_snapshot(small_store) as snapshot:
        answers = [snapshot.execute(block).fetchall() for block in blocks]
    silent = [block for block, rows in zip(blocks, answers, strict=True) if not rows]
    # a small quiet shop may have none of these
    rare = (
        *("sales.root_causes", "sales.anomalies", "later_lift", "baskets.substitutes", "baskets.pair_trends"),
        "decisions.early_warning",
    )
    assert [block for block in silent if not any(table in block for table in rare)] == []


def test_readme_names_every_command_it_shows() -> None:
    shown = set(re.findall(r"retail ([a-z]+)", README)) - {"analytics"}
    assert shown <= set(main.commands)


def test_readme_lists_every_format() -> None:
    for format_ in FORMATS:
        assert f"| `{format_.name}` |" in README
        first = next(iter(format_.required.values()))
        assert (first if isinstance(first, str) else first[0]) in README


def test_the_mapping_of_the_formats_page_is_one() -> None:
    (mapping,) = re.findall(
        r"(?:^    .*\n|^\n(?=    ))+", FORMATS_PAGE.partition("## Your own export")[2], re.MULTILINE
    )
    (format_,) = tomllib.loads(mapping)["formats"]
    assert own_format(OwnFormatSettings(**format_)).name == "till"


def test_settings_page_is_that_of_the_settings() -> None:
    assert PAGE.read_text() == settings_page(), "run: python -m retail_pipeline_tests.settings_page"


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_table_and_column_of_a_snapshot_says_what_it_holds(small_store: Home) -> None:
    with open_snapshot(small_store) as snapshot:
        silent = snapshot.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where comment is null and not internal "
            "union all select schema_name, table_name, null from duckdb_tables() where comment is null"
        ).fetchall()
    assert silent == []
