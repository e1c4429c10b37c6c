"""Forgetting a customer: their id goes from what was loaded, and from what will be.

Their lines stay, so that totals do, under a pseudonym that is drawn by lot and leads nowhere. What comes again of them
in later files counts as a guest's; to know it, the pipeline keeps a keyed hash of the id and nothing else.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from retail_pipeline.ingest.privacy import Pseudonyms, read_key, require_same_key
from retail_pipeline.ingest.raw_tables import REJECTED_ROWS, TRANSACTIONS, create_raw_tables, record_changes
from retail_pipeline.warehouse.rewrite import Replacement, mentions
from retail_pipeline.warehouse.warehouse import Warehouse

FORGOTTEN = "forgotten"
BLANK = f"[{FORGOTTEN}]"
LAYOUT = "create table if not exists pipeline.forgotten_customers (id_hash varchar)"


@dataclass(frozen=True)
class Forgotten:
    """What was found of a customer, and what takes its place; ``files`` are those their lines came with."""

    replacement: Replacement
    lines: int
    rejected: int
    files: tuple[str, ...]


def names_of(warehouse: Warehouse, customer: str) -> tuple[str, ...]:
    """What a customer may be called in the tables: as given, as an address is written, as their hash."""
    text = customer.strip()
    hashed = Pseudonyms(read_key(warehouse.home)).of_customer(text)
    return tuple(dict.fromkeys((text, text.lower(), hashed)))


def forget_customer(warehouse: Warehouse, customer: str) -> Forgotten:
    """Take a customer's identity out of ``raw`` in one transaction; what is made from it follows with the next run.

    Parameters
    ----------
    customer
        The id as the store exports it (an e-mail address, a name, a number), or as it stands in the tables.
    """
    create_raw_tables(warehouse)
    require_same_key(warehouse)
    names = list(names_of(warehouse, customer))
    pseudonym = f"{FORGOTTEN}-{secrets.token_hex(8)}"
    with warehouse.transaction():
        warehouse.execute(LAYOUT)
        files = warehouse.execute(
            "select distinct file_name from raw.transactions join raw.drops using (drop_id) "
            "where customer_id in (select unnest(?)) order by 1",
            [names],
        ).fetchall()
        warehouse.execute(
            "create or replace temp table forgotten_orders as "
            "select distinct order_id from raw.transactions where customer_id in (select unnest(?))",
            [names],
        )
        lines = warehouse.value(
            "select count(*) from raw.transactions where customer_id in (select unnest(?))", [names]
        )
        warehouse.execute(
            "update raw.transactions set customer_id = ? where customer_id in (select unnest(?))", [pseudonym, names]
        )
        rejected = _forget_rejected(warehouse, names)
        for name in names:
            warehouse.execute("insert into pipeline.forgotten_customers values (?)", [id_hash(warehouse, name)])
        record_changes(warehouse, (TRANSACTIONS, REJECTED_ROWS), "from forgotten_orders")
        warehouse.books.note_removal()
    replacement = Replacement(tuple(names), "customer_id", pseudonym, (REJECTED_ROWS.name,), BLANK)
    return Forgotten(replacement, int(lines), rejected, tuple(name for (name,) in files))


def _forget_rejected(warehouse: Warehouse, names: list[str]) -> int:
    """Blank the rejected lines that mention a customer, and what their reasons quote."""
    is_meant = f"{mentions('raw')} or {mentions('reason')}"
    count = 0
    for name in names:
        row = warehouse.row(f"select count(*) from raw.rejected_rows where {is_meant}", [name, name])
        count += row[0] if row else 0
        warehouse.execute(
            f"update raw.rejected_rows set raw = '{BLANK}', reason = split_part(reason, ' ''', 1) where {is_meant}",
            [name, name],
        )
    return count


def id_hash(warehouse: Warehouse, stored_id: str) -> str:
    """What is kept of a forgotten id."""
    key = read_key(warehouse.home)
    return hmac.new(key, f"{FORGOTTEN}:{stored_id}".encode(), hashlib.sha256).hexdigest()


def find_forgotten(warehouse: Warehouse, ids_select: str, parameters: Mapping[str, object]) -> list[str]:
    """The ids of forgotten customers among those that a SELECT returns: they must not get into a table again."""
    if not warehouse.exists("pipeline.forgotten_customers"):
        return []
    hashes = {row[0] for row in warehouse.execute("from pipeline.forgotten_customers").fetchall()}
    if not hashes:
        return []
    ids = warehouse.execute(f"select distinct id from ({ids_select}) as ids(id) where id is not null", parameters)
    return [stored_id for (stored_id,) in ids.fetchall() if id_hash(warehouse, stored_id) in hashes]
