"""Writing what one drop holds into ``raw.*``, and taking what it held before out again.

Everything here is called inside the one transaction in which a drop loads, be it alone or with others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.drops import DroppedFile
from retail_pipeline.ingest.forget import find_forgotten
from retail_pipeline.ingest.parse_lines import MOST_MONEY, PLACE, LineParser
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


@dataclass(frozen=True)
class Written:
    """A drop whose lines and rejects are in ``raw``, for the ledger; ``staged`` are the tables they were in."""

    drop: DroppedFile
    sha256: str
    staged: Sequence[Staged]
    loaded_at: datetime

    @property
    def drop_id(self) -> str:
        return self.sha256[:16]

    def ledger_entry(self) -> dict[str, object]:
        """What is known of it without looking at its lines."""
        return {
            "drop_id": self.drop_id,
            "file_name": self.drop.name,
            "format": self.staged[0].recognised.format.name,
            "sha256": self.sha256,
            "bytes": self.drop.size,
            "rows_read": sum(part.rows_read for part in self.staged),
            "loaded_at": self.loaded_at,
        }


@dataclass(frozen=True)
class _Load:
    written: Written
    store: str | None

    def likeness(self) -> object:
        """Equal for drops whose lines can be written at once."""
        parts = self.written.staged
        is_one = len(parts) == 1 and not parts[0].skipped
        return (parts[0].recognised, parts[0].is_unpacked, self.store) if is_one else self.written.drop_id


def write_drops(
    warehouse: Warehouse, drops: Sequence[tuple[DroppedFile, str]], staged: Sequence[Sequence[Staged]]
) -> list[Written]:
    """Write the lines and rejects of drops, each given with its SHA-256; :func:`enter_drops` follows.

    Parameters
    ----------
    staged
        The tables of each drop. The single ones of drops in a row that have the same header are written at once.
    """
    settings, now = warehouse.settings, precise_utc_now()
    loads = [
        _Load(Written(drop, sha256, parts, now + timedelta(microseconds=place)), store_of(drop, settings))
        for place, ((drop, sha256), parts) in enumerate(zip(drops, staged, strict=True))
    ]
    for _, alike in groupby(loads, key=_Load.likeness):
        some = list(alike)
        if len(some) > 1:
            _write_lines(warehouse, [(load.written.drop_id, load.written.staged[0]) for load in some], some[0].store)
            continue
        (load,) = some
        for part in load.written.staged:
            _write_lines(warehouse, [(load.written.drop_id, part)], load.store)
            for sheet in part.skipped:
                warehouse.execute(
                    "insert into raw.skipped_sheets values (?, ?, ?, ?)",
                    [load.written.drop_id, sheet.name, sheet.rows, sheet.reason],
                )
    return [load.written for load in loads]


def enter_drops(warehouse: Warehouse, written: Sequence[Written], gone: Sequence[str] = ()) -> None:
    """Enter drops that have been written into the ledger, and note what has changed.

    Parameters
    ----------
    gone
        Drops whose lines were taken out before, by :func:`take_out`.
    """
    _write_ledger(warehouse, written)
    _require_that_rows_add_up(warehouse, written)
    _record_change(warehouse, [one.drop_id for one in written], taken_out=bool(gone))


def remove_drops(warehouse: Warehouse, drop_ids: Sequence[str]) -> None:
    """Take all that drops brought out again; orders that they replaced stand again."""
    take_out(warehouse, drop_ids)
    _record_change(warehouse, [], taken_out=True)


def rename_drop(warehouse: Warehouse, drop_id: str, file_name: str) -> None:
    """Note the new name of a loaded file; its orders count as changed, for names decide which equal line is first."""
    warehouse.execute("update raw.drops set file_name = ? where drop_id = ?", [file_name, drop_id])
    _record_change(warehouse, [drop_id])


def store_of(drop: DroppedFile, settings: Settings) -> str | None:
    """The store in whose folder (``ingest.stores``) a file lies, None if it lies in none."""
    return next(
        (store for folder, store in settings.ingest.stores.items() if drop.name.startswith(f"{folder.strip('/')}/")),
        None,
    )


def _write_lines(warehouse: Warehouse, parts: Sequence[tuple[str, Staged]], store: str | None) -> None:
    """Good lines into the table of their format, the others into ``raw.rejected_rows``.

    Parameters
    ----------
    parts
        Tables of one header, each with the id of its drop; several only of different drops.
    """
    recognised = parts[0][1].recognised
    target = recognised.format.target
    parser = LineParser(recognised, warehouse.settings.ingest.timezone)
    lines = " union all ".join(
        f"select '{drop_id}' as drop_id, {', '.join([*PLACE, *recognised.columns])} from {staged.lines}"
        for drop_id, staged in parts
    )
    select = parser.typed_select(f"({lines})", ("drop_id", *PLACE))
    customer, keys = Pseudonyms.of(warehouse.home, warehouse.settings).customer_sql(recognised)
    parameters: dict[str, object] = dict(keys)
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
    loaded = warehouse.value(
        f"insert into {target.table} (drop_id, source_row, {', '.join(columns)}) "
        f"select drop_id, source_row, {', '.join(columns.values())} from ({select}) where reason is null",
        parameters or None,
    )
    for drop_id, staged in parts:
        _write_rejects(warehouse, staged, staged.rejects, drop_id)
    if loaded == sum(staged.rows_read - len(staged.rejects) for _, staged in parts):
        return
    loaded_of = {parts[0][0]: loaded}
    if len(parts) > 1:
        ids = _literals([drop_id for drop_id, _ in parts])
        counts = f"select drop_id, count(*) from {target.table} where drop_id in ({ids}) group by drop_id"
        loaded_of = dict(warehouse.execute(counts).fetchall())
    for drop_id, staged in parts:
        if loaded_of.get(drop_id, 0) + len(staged.rejects) < staged.rows_read:
            _write_faulty(warehouse, staged, parser.typed_select(staged.lines), drop_id)


def _write_faulty(warehouse: Warehouse, staged: Staged, select: str, drop_id: str) -> None:
    """Lines that were read and are no good, and what they said of their orders as a whole."""
    warehouse.execute(
        "create or replace temp table faulty_lines as select source_row, reason, "
        f"row_number() over (order by source_row) as place from ({select}) where reason is not null"
    )
    for rejects in _faulty_lines(warehouse):
        _write_rejects(warehouse, staged, rejects, drop_id)
    warehouse.execute("drop table faulty_lines")
    is_of_lines = staged.recognised.format.target.table == TRANSACTIONS.name
    if is_of_lines and not _sayable(staged).isdisjoint(ORDER_MONEY):
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


def _write_ledger(warehouse: Warehouse, written: Sequence[Written]) -> None:
    """The figures of all drops in one look at what was written."""
    of_these = f"drop_id in ({_literals([one.drop_id for one in written])})"
    warehouse.execute(
        f"""
        insert into raw.drops
        with written as (
            select one.*
            from (
                select unnest($written::struct(
                    drop_id varchar, file_name varchar, format varchar, sha256 varchar, bytes bigint, rows_read bigint,
                    loaded_at timestamp
                )[]) as one
            )
        ),
        lines as (
            select drop_id, count(*) as lines, min(order_ts) as first_order_ts, max(order_ts) as last_order_ts
            from raw.transactions
            where {of_these}
            group by drop_id
        ),
        rates as (select drop_id, count(*) as rates from raw.currency_rates where {of_these} group by drop_id),
        rejects as (select drop_id, count(*) as rejects from raw.rejected_rows where {of_these} group by drop_id)
        select
            written.drop_id, file_name, format, sha256, bytes, rows_read, coalesce(lines, 0) + coalesce(rates, 0),
            coalesce(rejects, 0), first_order_ts, last_order_ts, loaded_at
        from written
        left join lines on written.drop_id = lines.drop_id
        left join rates on written.drop_id = rates.drop_id
        left join rejects on written.drop_id = rejects.drop_id
        order by loaded_at
        """,
        {"written": [one.ledger_entry() for one in written]},
    )


def _require_that_rows_add_up(warehouse: Warehouse, written: Sequence[Written]) -> None:
    rows = warehouse.execute(
        "select file_name, rows_read, rows_loaded, rows_rejected from raw.drops "
        "where drop_id in (select unnest(?)) and rows_read <> rows_loaded + rows_rejected order by file_name",
        [[one.drop_id for one in written]],
    ).fetchall()
    for name, read, loaded, rejected in rows:
        raise UnreadableDropError(
            f"{name}: of {read:,} rows read {loaded:,} could be loaded and {rejected:,} rejected, so nothing was "
            "loaded. This is an error of the pipeline: please report it."
        )


def take_out(warehouse: Warehouse, drop_ids: Sequence[str]) -> None:
    """Take the lines of drops out, after noting the orders they belong to."""
    warehouse.execute(
        "create or replace temp table removed_orders as "
        "select distinct order_id from raw.transactions where drop_id in (select unnest(?))",
        [list(drop_ids)],
    )
    for table in CHANGED_TABLES:
        if warehouse.delete(table.name, "drop_id in (select unnest(?))", [list(drop_ids)]):
            warehouse.books.note_removal()


def _record_change(warehouse: Warehouse, drop_ids: Sequence[str], *, taken_out: bool = False) -> None:
    """Note the orders whose lines came or went; not where all lines are new, or no table is made from them yet."""
    tables = warehouse.books.tables().values()
    is_read = any(TRANSACTIONS.name in table.upstream for table in tables)
    has_others = warehouse.value(f"select count(*) from raw.drops where drop_id not in ({_literals(drop_ids)})")
    orders = f"select order_id from raw.transactions where drop_id in ({_literals(drop_ids)})"
    if taken_out:
        orders = f"{orders} union from removed_orders"
    record_changes(warehouse, CHANGED_TABLES, orders if is_read and (has_others or taken_out) else None)
    if taken_out:
        warehouse.execute("drop table removed_orders")


def _literals(drop_ids: Sequence[str]) -> str:
    """Drop ids spelled out, so that DuckDB skips the rows of other drops where they stand."""
    return ", ".join(f"'{drop_id}'" for drop_id in drop_ids) or "''"
