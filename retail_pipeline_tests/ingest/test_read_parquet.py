"""Parquet files: types, rows, damage."""

import json
import random
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline_tests.ingest.loading import load
from retail_pipeline_tests.stores import CANONICAL_HEADER

NOON = datetime(2024, 5, 31, 12)


def table(**changes: object) -> pa.Table:
    columns: dict[str, Any] = {
        "order_id": ["1", "2"],
        "order_ts": pa.array([NOON, NOON], pa.timestamp("us")),
        "customer_id": ["c", None],
        "product_id": ["p", "q"],
        "product_name": ["nail", None],
        "quantity": pa.array([2, -1], pa.int32()),
        "unit_price": [1.5, 0.0],
        "country": pa.array(["UK", "UK"]).dictionary_encode(),
    }
    return pa.table({**columns, **changes})


def parquet(content: pa.Table, **options: Any) -> bytes:
    file = BytesIO()
    pq.write_table(content, file, **options)
    return file.getvalue()


def test_typed_columns_are_read_and_rows_count_from_one(warehouse: Warehouse) -> None:
    outcome = load(warehouse, parquet(table()), ".parquet")
    assert outcome.column("source_row") == [1, 2]
    assert outcome.column("order_ts") == [NOON, NOON]
    assert outcome.column("customer_id") == ["c", None]
    assert outcome.column("quantity") == [Decimal(2), Decimal(-1)]
    assert outcome.column("unit_price") == [Decimal("1.5"), Decimal(0)]
    assert outcome.column("country") == ["UK", "UK"]


@pytest.mark.parametrize("type_", [pa.int64(), pa.float64(), pa.string(), pa.decimal128(19, 0)], ids=str)
def test_ids_are_the_same_text_whatever_their_type(warehouse: Warehouse, type_: pa.DataType) -> None:
    ids = pa.array([17850, 13085], pa.int64()).cast(type_)
    outcome = load(warehouse, parquet(table(customer_id=ids, order_id=ids)), ".parquet")
    assert outcome.column("customer_id") == outcome.column("order_id") == ["17850", "13085"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_read(warehouse: Warehouse, unit: str) -> None:
    outcome = load(warehouse, parquet(table(order_ts=pa.array([NOON, NOON], pa.timestamp(unit)))), ".parquet")
    assert outcome.column("order_ts") == [NOON, NOON]


def test_zoned_timestamps_are_rejected_and_not_shifted(warehouse: Warehouse) -> None:
    zoned = pa.array([NOON, NOON], pa.timestamp("us", tz="Europe/Paris"))
    outcome = load(warehouse, parquet(table(order_ts=zoned)), ".parquet")
    assert outcome.rows == {}
    assert all("has an offset from UTC" in reason for reason in outcome.reasons().values())


def test_a_number_that_is_none_is_rejected(warehouse: Warehouse) -> None:
    prices = [float("nan"), float("inf")]
    outcome = load(warehouse, parquet(table(unit_price=prices)), ".parquet")
    assert [reason.split()[1] for reason in outcome.reasons().values()] == ["is", "'inf'"]


def test_an_id_that_is_no_number_is_no_id(warehouse: Warehouse) -> None:
    ids = pa.array(np.array([17850.0, np.nan]))
    assert ids.null_count == 0
    assert load(warehouse, parquet(table(customer_id=ids)), ".parquet").column("customer_id") == ["17850", None]
    assert load(warehouse, parquet(table(order_id=ids)), ".parquet").reasons() == {2: "order_id is empty"}


def test_large_whole_numbers_are_not_written_in_powers(warehouse: Warehouse) -> None:
    ids = pa.array([1e16, 4611686018427387904.0])
    outcome = load(warehouse, parquet(table(customer_id=ids)), ".parquet")
    assert outcome.column("customer_id") == ["10000000000000000", "4611686018427387904"]


def test_text_that_is_not_marked_as_text_is_read_as_text(warehouse: Warehouse) -> None:
    names = pa.array(["Café".encode(), b'a"b'], pa.binary())
    assert load(warehouse, parquet(table(product_name=names)), ".parquet").column("product_name") == ["Café", 'a"b']


def test_a_column_that_would_hide_the_row_numbers_is_refused_by_its_name(warehouse: Warehouse) -> None:
    refusal = load(warehouse, parquet(table(file_row_number=[1, 2])), ".parquet").refusal
    assert refusal
    assert "has a column called file_row_number" in refusal


def test_a_rejected_row_shows_all_its_cells(warehouse: Warehouse) -> None:
    outcome = load(warehouse, parquet(table(order_id=["1", None], colour=["red", "blue"])), ".parquet")
    reason, raw = outcome.rejects[2]
    assert reason == "order_id is empty"
    assert json.loads(raw) == {
        "order_id": None,
        "order_ts": "2024-05-31 12:00:00",
        "customer_id": None,
        "product_id": "q",
        "product_name": None,
        "quantity": -1,
        "unit_price": 0.0,
        "country": "UK",
        "colour": "blue",
    }


def test_a_column_that_is_there_twice_but_for_case_is_refused(warehouse: Warehouse) -> None:
    content = table().append_column("ORDER_ID", [["8", "9"]])
    refusal = load(warehouse, parquet(content), ".parquet").refusal
    assert refusal is not None
    assert "'order_id' more than once" in refusal


def test_nested_and_nameless_columns_beside_the_known_ones_do_not_matter(warehouse: Warehouse) -> None:
    content = table().add_column(0, "x", [[{"order_id": 1, "b": [1, 2]}, None]]).append_column("", [[1, 2]])
    assert load(warehouse, parquet(content), ".parquet").column("order_id") == ["1", "2"]


def test_a_folder_named_like_a_partition_adds_no_column(warehouse: Warehouse) -> None:
    without = table().drop_columns(["country"])
    assert load(warehouse, parquet(without), name="country=UK/a.parquet").refusal is not None


def test_a_name_is_no_pattern(warehouse: Warehouse) -> None:
    assert load(warehouse, parquet(table()), name="a[1]*.parquet").column("order_id") == ["1", "2"]


def test_a_missing_column_is_named(warehouse: Warehouse) -> None:
    refusal = load(warehouse, parquet(table().drop_columns(["quantity"])), ".parquet").refusal
    assert refusal is not None
    assert "it lacks: quantity." in refusal


def test_a_file_of_several_row_groups_counts_its_rows_through(warehouse: Warehouse) -> None:
    numbers = list(range(5_000))
    columns = {name: [str(number) for number in numbers] for name in CANONICAL_HEADER.split(",")}
    content = pa.table({**columns, "order_ts": ["2024-05-31"] * len(numbers)})
    outcome = load(warehouse, parquet(content, row_group_size=700), ".parquet")
    assert {row: values["order_id"] for row, values in outcome.rows.items()} == {n + 1: str(n) for n in numbers}


def test_damaged_files_are_refused_or_read_and_the_warehouse_stays_usable(warehouse: Warehouse) -> None:
    chance = random.Random(4)
    content = parquet(table())
    for _ in range(60):
        damaged = bytearray(content)
        for place in chance.sample(range(4, len(damaged) - 4), chance.choice([1, 3, 10])):
            damaged[place] = chance.randrange(256)
        outcome = load(warehouse, bytes(damaged), ".parquet")
        assert outcome.refusal or outcome.rows_read == len(outcome.rows) + len(outcome.rejects)
    assert load(warehouse, content, ".parquet").refusal is None
