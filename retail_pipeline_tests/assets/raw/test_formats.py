"""raw.formats: the registry's rules as a table, and what follows when they change."""

from dataclasses import asdict, replace

import pytest

from retail_pipeline.home import Home
from retail_pipeline.ingest.formats import FORMATS, known
from retail_pipeline_tests.assets.store_tables import TO_ORDER_LINES, built, online_retail_csv, rows_of
from retail_pipeline_tests.stores import write_drop

LINE_TYPES = "select product_id, line_type, is_charge from core.order_lines"


def test_every_rule_of_a_format_is_a_column_of_the_registry(home: Home) -> None:
    with built(home, only=TO_ORDER_LINES) as warehouse:
        rows = {row["format"]: row for row in rows_of(warehouse, "raw.formats")}
    assert set(rows) == {format_.name for format_ in FORMATS}
    for format_ in FORMATS:
        for rule, value in asdict(format_.rules).items():
            assert rows[format_.name][rule] == (list(value) if isinstance(value, tuple) else value)


def test_a_changed_rule_reclassifies_lines_loaded_before(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_drop(home, "a.csv", online_retail_csv([["1", "WRAP", "WRAP", 1, "12/1/2010 8:26", "1", "17850", "France"]]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert rows_of(warehouse, LINE_TYPES) == [{"product_id": "WRAP", "line_type": "sale", "is_charge": False}]
    changed = [
        replace(format_, rules=replace(format_.rules, charge_products=("WRAP",)))
        if format_.name == "online_retail"
        else format_
        for format_ in FORMATS
    ]
    monkeypatch.setattr(known, "FORMATS", changed)
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert rows_of(warehouse, LINE_TYPES) == [{"product_id": "WRAP", "line_type": "charge", "is_charge": True}]


def test_a_registry_of_an_earlier_release_gets_the_rules_it_lacks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_drop(home, "a.csv", online_retail_csv([["1", "WRAP", "WRAP", 1, "12/1/2010 8:26", "1", "17850", "France"]]))
    with built(home, only=TO_ORDER_LINES) as warehouse:
        lines = rows_of(warehouse, LINE_TYPES)
        rows = rows_of(warehouse, "raw.formats")
        warehouse.execute("alter table raw.formats drop column cancellation_statuses")
        warehouse.execute("alter table raw.formats drop column same_order")
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert rows_of(warehouse, "raw.formats") == rows
        assert rows_of(warehouse, LINE_TYPES) == lines
    # one whose mapping is in the settings no longer keeps the rules it had
    with built(home, only=TO_ORDER_LINES) as warehouse:
        warehouse.execute("alter table raw.formats drop column cancellation_statuses")
    monkeypatch.setattr(known, "FORMATS", [format_ for format_ in FORMATS if format_.name != "online_retail"])
    with built(home, only=TO_ORDER_LINES) as warehouse:
        assert rows_of(warehouse, LINE_TYPES) == lines
        kept = rows_of(warehouse, "select cancellation_statuses from raw.formats where format = 'online_retail'")
        assert kept == [{"cancellation_statuses": []}]
