"""The tables of schema ``raw``: what a row is, their columns, and how they come into being."""

from collections.abc import Iterable
from dataclasses import dataclass

from retail_pipeline.ingest.formats import Format
from retail_pipeline.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class RawTable:
    """A table of ``raw``: ``columns`` maps a name to its type and what it holds."""

    name: str
    row: str
    columns: dict[str, tuple[str, str]]

    @property
    def descriptions(self) -> dict[str, str]:
        return {name: text for name, (_, text) in self.columns.items()}


TRANSACTIONS = RawTable(
    "raw.transactions",
    "a line as a file said it, typed and not changed",
    {
        "drop_id": ("varchar", "the drop it came with"),
        "source_row": ("bigint", "the line of the file, or the row of the workbook, it stood on (the first is 1)"),
        "source_part": ("bigint", "which of the lines packed into that row it is, 1 where a row is a line"),
        "order_id": ("varchar", "the order's id, behind the store's name where ingest.stores gives its folder one"),
        "line_no": ("bigint", "the line's number within its order, where the export has one"),
        "order_ts": ("timestamp", "when the order was placed [store time]"),
        "customer_id": (
            "varchar",
            "the customer's id, null for a guest; a keyed hash of what would tell who it is (privacy.customer_ids)",
        ),
        "product_id": ("varchar", "the product's code"),
        "product_name": ("varchar", "the product's name on this line"),
        "quantity": ("decimal(18, 4)", "units, negative for what comes back [units]"),
        "unit_price": ("decimal(18, 4)", "price of one unit before discount [currency]"),
        "amount": ("decimal(18, 4)", "the line's total, where the export gives one [currency]"),
        "discount": ("decimal(18, 4)", "money off the line, where the export gives it [currency]"),
        "status": ("varchar", "the order's status, where the export gives one"),
        "country": ("varchar", "the customer's country"),
        "currency": ("varchar", "the currency, where the export gives it"),
        "channel": ("varchar", "the sales channel, where the export gives it"),
        "store": ("varchar", "the store, where the export gives it"),
        "category": ("varchar", "the product's category, where the export gives it"),
        "order_subtotal": ("decimal(18, 4)", "what the order's lines come to after all discounts [currency]"),
        "order_discount": ("decimal(18, 4)", "money off the order as a whole, on one of its lines [currency]"),
        "order_refunded": ("decimal(18, 4)", "money given back of the order, on one of its lines [currency]"),
        "refunded": ("decimal(18, 4)", "money given back of the line, where the export says so [currency]"),
        "refunded_ts": ("timestamp", "when money was last given back, where the export says so [store time]"),
        "cancelled_ts": ("timestamp", "when the order was cancelled, null if it was not [store time]"),
    },
)
REJECTED_ROWS = RawTable(
    "raw.rejected_rows",
    "a line that could not be loaded, with its own text",
    {
        "drop_id": ("varchar", "the drop it came with"),
        "source_row": ("bigint", "the line of the file, or the row of the workbook, it stands on (the first is 1)"),
        "reason": ("varchar", "why it was not loaded"),
        "raw": ("varchar", "the line's text (of a workbook or parquet file its cells as JSON)"),
    },
)
DROPS = RawTable(
    "raw.drops",
    "a loaded file",
    {
        "drop_id": ("varchar", "the first 16 digits of the content's SHA-256"),
        "file_name": ("varchar", "its path below drops/"),
        "format": ("varchar", "the format it was recognised as"),
        "sha256": ("varchar", "the SHA-256 of its bytes"),
        "bytes": ("bigint", "its size [bytes]"),
        "rows_read": ("bigint", "lines in it, blank ones and the header aside; one with line breaks in quotes is one"),
        "rows_loaded": ("bigint", "lines in raw.transactions"),
        "rows_rejected": ("bigint", "lines in raw.rejected_rows"),
        "first_order_ts": ("timestamp", "the earliest line [store time]"),
        "last_order_ts": ("timestamp", "the latest line [store time]"),
        "loaded_at": ("timestamp", "when it was loaded [UTC]"),
    },
)
CURRENCY_RATES = RawTable(
    "raw.currency_rates",
    "what a currency is worth from a day on",
    {
        "drop_id": ("varchar", "the drop it came with"),
        "source_row": ("bigint", "the line of the file it stood on (the first is 1)"),
        "rate_date": ("date", "the first day it holds for"),
        "currency": ("varchar", "the currency"),
        "rate": ("decimal(18, 10)", "what one unit of it is worth [reporting currency]"),
    },
)
SKIPPED_SHEETS = RawTable(
    "raw.skipped_sheets",
    "a sheet of a loaded workbook that was not read, though there are rows in it: its header fits no format",
    {
        "drop_id": ("varchar", "the drop it came with"),
        "sheet": ("varchar", "the sheet's name"),
        "rows": ("bigint", "rows with something in them [rows]"),
        "reason": ("varchar", "why, and what to do"),
    },
)
REFUSED_FILES = RawTable(
    "raw.refused_files",
    "a file in drops/ of which nothing could be loaded",
    {
        "file_name": ("varchar", "its path below drops/"),
        "sha256": ("varchar", "the SHA-256 of its bytes"),
        "reason": ("varchar", "why, and what to do"),
    },
)
RAW_TABLES = (TRANSACTIONS, REJECTED_ROWS, DROPS, CURRENCY_RATES, SKIPPED_SHEETS, REFUSED_FILES)

FORMATS_TABLE = RawTable(
    "raw.formats",
    "an export format, with the rules by which its lines are classified",
    {
        "format": ("varchar", "the format's name"),
        "title": ("varchar", "its name in words"),
        "cancellation_order_prefix": ("varchar", "an order id that begins so makes a cancellation"),
        "cancellation_statuses": ("varchar[]", "statuses, in lower case, that make a negative quantity a cancellation"),
        "adjustment_order_prefix": ("varchar", "an order id that begins so makes an adjustment"),
        "void_statuses": ("varchar[]", "statuses, in lower case, of orders that never became sales: adjustments"),
        "refunded_statuses": ("varchar[]", "statuses, in lower case, of orders that were given back as a whole"),
        "negative_quantity_type": ("varchar", "the line type of other negative quantities"),
        "zero_price_type": ("varchar", "the line type of a zero price"),
        "charge_products": ("varchar[]", "codes, in upper case, that are charges and no products"),
        "charge_product_prefixes": ("varchar[]", "codes that begin so, in upper case, are charges too"),
        "upper_case_products": ("boolean", "whether codes that differ in case alone are one product"),
        "same_order": ("varchar", "what an order that comes again does: replace what it was, or append its lines"),
    },
)


ORDER_LOG = "order_id"
"""The column by which changes of ``raw.transactions`` are logged."""


def create_raw_tables(warehouse: Warehouse) -> None:
    """Make the tables that are not there yet, and the columns that came with a later release."""
    with warehouse.transaction():
        warehouse.execute("create schema if not exists raw")
        for table in RAW_TABLES:
            present = warehouse.columns(table.name)
            lacking = {name: type_ for name, (type_, _) in table.columns.items() if name not in present}
            if present and not lacking:
                continue
            if present:
                for name, type_ in lacking.items():
                    default = " default 1" if name == "source_part" else ""
                    warehouse.execute(f"alter table {table.name} add column {name} {type_}{default}")
            else:
                columns = ", ".join(f"{name} {type_}" for name, type_ in lacking.items())
                warehouse.execute(f"create table {table.name} ({columns})")
            warehouse.describe(table.name, table.row, table.descriptions)


def record_changes(warehouse: Warehouse, tables: Iterable[RawTable], changed_orders: str | None) -> None:
    """Note that tables of ``raw`` have changed, so that what is made from them follows.

    Parameters
    ----------
    changed_orders
        A SELECT of the ids of the orders whose lines did; None where all lines are new.
    """
    for table in tables:
        is_logged = table is TRANSACTIONS and changed_orders is not None
        generation = warehouse.books.record_table(
            table.name,
            row_is=table.row,
            rows=warehouse.count(table.name),
            upstream=(),
            fingerprint="",
            changed=True,
            rebuilt=not is_logged,
        )
        if is_logged:
            warehouse.books.log_changed_keys(table.name, ORDER_LOG, str(changed_orders), generation)


def format_row(format_: Format) -> dict[str, object]:
    """A format as a row of ``raw.formats``, with the rules by which its lines are classified."""
    rules = {name: list(rule) if isinstance(rule, tuple) else rule for name, rule in vars(format_.rules).items()}
    return {"format": format_.name, "title": format_.title, **rules}
