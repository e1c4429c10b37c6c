"""Rows that are no lines yet: orders with their lines in numbered columns, or with values on their first row only."""

from retail_pipeline.ingest.formats import Recognised
from retail_pipeline.ingest.formats.base import Packed
from retail_pipeline.ingest.staged import Staged
from retail_pipeline.warehouse.warehouse import Warehouse


def unpack_lines(warehouse: Warehouse, staged: Staged, number: int) -> None:
    """Make a staged table one of lines, where its format says that it is none.

    Parameters
    ----------
    number
        Of the table among those of the file.
    """
    format_ = staged.recognised.format
    if format_.packed:
        _replace(warehouse, staged, f"unpacked_{number}", _lines_of_packed(staged.recognised, staged.lines))
        staged.rows_read = warehouse.count(f"temp.{staged.table}") + len(staged.rejects)
    if format_.order_columns:
        _replace(warehouse, staged, f"filled_{number}", _lines_with_order_columns(staged.recognised, staged.lines))


def _replace(warehouse: Warehouse, staged: Staged, table: str, select: str) -> None:
    warehouse.execute(f"create or replace temp table {table} as {select}")
    staged.table, staged.is_unpacked = table, True
    staged.temporary = (*staged.temporary, f"table {table}")


def _lines_of_packed(recognised: Recognised, lines: str) -> str:
    """A line for each filled numbered column; a row without any is a line without the packed columns."""
    packed = recognised.format.packed
    assert packed
    kept = [name for name in recognised.positions if name not in recognised.packed]
    items = ", ".join(f"nullif(trim({name}), '')" for name in recognised.packed)
    columns = ", ".join(f"{_part_of_item(packed, part)} as {column}" for column, part in packed.columns.items())
    return f"""
        with rows_with_lines as (
            select source_row, {", ".join(kept)},
                list_transform(
                    list_filter([{items}], lambda item: item is not null),
                    lambda item, place: {{'part': place, 'item': item}}
                ) as lines
            from {lines}
        ),
        unpacked as (
            select source_row, {", ".join(kept)},
                unnest(case when len(lines) = 0 then [{{'part': 1, 'item': null::varchar}}] else lines end) as line
            from rows_with_lines
        )
        select source_row, line.part as source_part, {", ".join(kept)}, {columns} from unpacked
    """


def _part_of_item(packed: Packed, part: str) -> str:
    """The text behind a part's name; it may hold anything but the name of a later part."""
    later = "|".join(packed.parts[packed.parts.index(part) + 1 :])
    return rf"nullif(regexp_extract(line.item, '(?:^|\|){part}:(.*?)(?:\|(?:{later}):|$)', 1, 's'), '')"


def _lines_with_order_columns(recognised: Recognised, lines: str) -> str:
    """Where a row has nothing in a column of the order, what the order's first row with something has."""
    filled = [name for name in recognised.format.order_columns if name in recognised.columns]
    columns = ", ".join(
        f"coalesce(nullif({name}, ''), first_value(nullif({name}, '') ignore nulls) over of_order) as {name}"
        for name in filled
    )
    others = ", ".join(name for name in recognised.columns if name not in filled)
    return f"""
        select source_row, source_part, {others}, {columns}
        from {lines}
        window of_order as (
            partition by order_id order by source_row, source_part
            rows between unbounded preceding and unbounded following
        )
    """
