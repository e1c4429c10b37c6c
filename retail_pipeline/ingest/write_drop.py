"""Writing what one drop holds into ``raw.*``, and taking what it held before out again.

Everything here is called inside the one transaction in which a drop loads.
"""

from collections.abc import Iterator, Sequence

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile
from retail_pipeline.ingest.forget import find_forgotten
from retail_pipeline.ingest.parse_lines import MOST_MONEY, LineParser
from retail_pipeline.ingest.privacy import Pseudonyms
from retail_pipeline.ingest.raw_tables import (
    CURRENCY_RATES,
    DROPS,
    REJECTED_ROWS,
    SKIPPED_SHEETS,
    TRANSACTIONS,
    record_changes,
)
from retail_pipeline.ingest.staged import Reject, Staged
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse
from retail_pipeline.warehouse.working_database import precise_utc_now

LONGEST_RAW = 10_000
REJECTS_AT_ONCE = 20_000
ORDER_MONEY = ("order_discount", "order_refunded")
"""What stands on one line of an order and holds for all of it."""
CHANGED_TABLES = (TRANSACTIONS, REJECTED_ROWS, DROPS, CURRENCY_RATES, SKIPPED_SHEETS)


def replace_drop(
    warehouse: Warehouse, drop: DroppedFile, digest: str, staged: Sequence[Staged], replaced: Sequence[str]
) -> None:
    """Write a drop's lines, rejects and ledger entry, in place of those of the drops it replaces."""
    drop_id = digest[:16]
    gone = sorted({*replaced, drop_id})
    first_load = not warehouse.count(TRANSACTIONS.name)
    _remove(warehouse, gone)
    for part in staged:
        _write_lines(warehouse, part, drop_id, store_of(drop, warehouse.settings))
        for sheet in part.skipped:
            warehouse.execute(
                "insert into raw.skipped_sheets values (?, ?, ?, ?)", [drop_id, sheet.name, sheet.rows, sheet.reason]
            )
    _write_ledger(warehouse, drop, digest, staged)
    _require_that_rows_add_up(warehouse, drop, drop_id)
    _record_change(warehouse, gone, first_load=first_load)
    warehouse.execute("drop table removed_orders")


def remove_drops(warehouse: Warehouse, drop_ids: Sequence[str]) -> None:
    """Take all that drops brought out again; orders that they replaced stand again."""
    _remove(warehouse, drop_ids)
    _record_change(warehouse, drop_ids, first_load=False)
    warehouse.execute("drop table removed_orders")


def rename_drop(warehouse: Warehouse, drop_id: str, file_name: str) -> None:
    """Note the new name of a loaded file; its orders count as changed, for names decide which equal line is first."""
    warehouse.execute("update raw.drops set file_name = ? where drop_id = ?", [file_name, drop_id])
    _remember_orders(warehouse, [drop_id])
    _record_change(warehouse, [drop_id], first_load=False)
    warehouse.execute("drop table removed_orders")


def store_of(drop: DroppedFile, settings: Settings) -> str | None:
    """The store in whose folder (``ingest.stores``) a file lies, None if it lies in none."""
    return next(
        (store for folder, store in settings.ingest.stores.items() if drop.name.startswith(f"{folder.strip('/')}/")),
        None,
    )


def _write_lines(warehouse: Warehouse, staged: Staged, drop_id: str, store: str | None) -> None:
    """Good lines into the table of their format, the others into ``raw.rejected_rows``."""
    target = staged.recognised.format.target
    select = LineParser(staged.recognised, warehouse.settings.ingest.timezone).typed_select(staged.lines)
    customer, keys = Pseudonyms.of(warehouse.home, warehouse.settings).customer_sql(staged.recognised)
    parameters: dict[str, object] = {"drop_id": drop_id, **keys}
    columns = {name: name for name in target.fields}
    if target.table == TRANSACTIONS.name:
        forgotten = find_forgotten(warehouse, f"select {customer} from ({select})", keys)
        if forgotten:
            customer = f"case when not list_contains($forgotten::varchar[], {customer}) then {customer} end"
            parameters["forgotten"] = forgotten
        columns = {"source_part": "source_part", **columns, "customer_id": customer}
        if store:
            columns |= {"order_id": "$store || '/' || order_id", "store": "coalesce(store, $store)"}
            parameters["store"] = store
    before = warehouse.count(target.table)
    warehouse.execute(
        f"insert into {target.table} (drop_id, source_row, {', '.join(columns)}) "
        f"select $drop_id, source_row, {', '.join(columns.values())} from ({select}) where reason is null",
        parameters,
    )
    loaded = warehouse.count(target.table) - before
    _write_rejects(warehouse, staged, staged.rejects, drop_id)
    if loaded + len(staged.rejects) < staged.rows_read:
        warehouse.execute(
            "create or replace temp table faulty_lines as select source_row, reason, "
            f"row_number() over (order by source_row) as place from ({select}) where reason is not null"
        )
        for rejects in _faulty_lines(warehouse):
            _write_rejects(warehouse, staged, rejects, drop_id)
        warehouse.execute("drop table faulty_lines")
        if target.table == TRANSACTIONS.name and not _sayable(staged).isdisjoint(ORDER_MONEY):
            _hand_on_order_money(warehouse, select, drop_id)


def _sayable(staged: Staged) -> set[str]:
    """The fields of which a file can say something."""
    format_ = staged.recognised.format
    return {*staged.recognised.columns, *format_.made, *format_.worked_out}


def _hand_on_order_money(warehouse: Warehouse, select: str, drop_id: str) -> None:
    """Put what a rejected line said of its whole order on the order's first good line, so that it still counts.

    A discount beside a subtotal is not handed on: only together with all lines the two tell whether it is one of the
    lines, or of the shipping.
    """
    is_known = {"order_discount": "order_subtotal is null", "order_refunded": "true"}
    lost = ", ".join(
        f"max(case when {is_known[column]} and abs({column}) <= {MOST_MONEY} then {column} end) as {column}"
        for column in ORDER_MONEY
    )
    taken = ", ".join(f"{column} = coalesce(lines.{column}, heirs.{column})" for column in ORDER_MONEY)
    warehouse.execute(
        f"""
        create or replace temp table heirs as
        with lines as ({select}),
        lost as (select order_id, {lost} from lines where reason is not null group by order_id),
        first_lines as (
            select order_id, min(struct_pack(source_row, source_part)) as place
            from lines
            where reason is null
            group by order_id
        )
        select place.source_row, place.source_part, {", ".join(ORDER_MONEY)}
        from first_lines join lost on first_lines.order_id = lost.order_id
        where coalesce({", ".join(ORDER_MONEY)}) is not null
        """
    )
    if warehouse.count("temp.heirs"):
        warehouse.execute(
            f"update raw.transactions as lines set {taken} from temp.heirs as heirs where lines.drop_id = ? "
            "and lines.source_row = heirs.source_row and lines.source_part = heirs.source_part",
            [drop_id],
        )
    warehouse.execute("drop table temp.heirs")


def _faulty_lines(warehouse: Warehouse) -> Iterator[list[Reject]]:
    for done in range(0, warehouse.count("temp.faulty_lines"), REJECTS_AT_ONCE):
        rows = warehouse.execute(
            "select source_row, reason from faulty_lines where place > ? and place <= ? order by place",
            [done, done + REJECTS_AT_ONCE],
        ).fetchall()
        yield [Reject(*row) for row in rows]


def _write_rejects(warehouse: Warehouse, staged: Staged, rejects: Sequence[Reject], drop_id: str) -> None:
    if not rejects:
        return
    import pyarrow as pa

    prefix = f"{staged.place}: " if staged.place else ""
    mask = Pseudonyms.of(warehouse.home, warehouse.settings).mask_emails
    for first in range(0, len(rejects), REJECTS_AT_ONCE):
        some = rejects[first : first + REJECTS_AT_ONCE]
        lines = [reject.source_row for reject in some]
        table = pa.table(
            {
                "source_row": pa.array(lines, pa.int64()),
                "reason": pa.array([prefix + mask(reject.reason) for reject in some], pa.string()),
                "raw": pa.array([text[:LONGEST_RAW] for text in staged.raw_texts(lines)], pa.string()),
            }
        )
        warehouse.connection.register("rejected_lines", table)
        try:
            warehouse.execute(
                "insert into raw.rejected_rows select $drop_id, source_row, reason, raw from rejected_lines",
                {"drop_id": drop_id},
            )
        finally:
            warehouse.connection.unregister("rejected_lines")


def _write_ledger(warehouse: Warehouse, drop: DroppedFile, digest: str, staged: Sequence[Staged]) -> None:
    warehouse.execute(
        """
        insert into raw.drops
        select $drop_id, $file_name, $format, $sha256, $bytes, $rows_read,
            count(*) + (select count(*) from raw.currency_rates where drop_id = $drop_id),
            (select count(*) from raw.rejected_rows where drop_id = $drop_id), min(order_ts), max(order_ts), $loaded_at
        from raw.transactions
        where drop_id = $drop_id
        """,
        {
            "drop_id": digest[:16],
            "file_name": drop.name,
            "format": staged[0].recognised.format.name,
            "sha256": digest,
            "bytes": drop.size,
            "rows_read": sum(part.rows_read for part in staged),
            "loaded_at": precise_utc_now(),
        },
    )


def _require_that_rows_add_up(warehouse: Warehouse, drop: DroppedFile, drop_id: str) -> None:
    row = warehouse.row("select rows_read, rows_loaded, rows_rejected from raw.drops where drop_id = ?", [drop_id])
    assert row is not None
    if row[0] != row[1] + row[2]:
        raise UnreadableDropError(
            f"{drop.name}: of {row[0]:,} rows read {row[1]:,} could be loaded and {row[2]:,} rejected, so nothing was "
            "loaded. This is an error of the pipeline: please report it."
        )


def _remove(warehouse: Warehouse, drop_ids: Sequence[str]) -> None:
    """Take the lines of drops out, after noting the orders they belong to."""
    _remember_orders(warehouse, drop_ids)
    for table in CHANGED_TABLES:
        if warehouse.delete(table.name, "drop_id in (select unnest(?))", [list(drop_ids)]):
            warehouse.books.note_removal()


def _remember_orders(warehouse: Warehouse, drop_ids: Sequence[str]) -> None:
    warehouse.execute(
        "create or replace temp table removed_orders as "
        "select distinct order_id from raw.transactions where drop_id in (select unnest(?))",
        [list(drop_ids)],
    )


def _record_change(warehouse: Warehouse, drop_ids: Sequence[str], *, first_load: bool) -> None:
    loaded = ", ".join(f"'{drop_id}'" for drop_id in drop_ids)
    orders = f"select order_id from raw.transactions where drop_id in ({loaded}) union from removed_orders"
    record_changes(warehouse, CHANGED_TABLES, None if first_load else orders)
