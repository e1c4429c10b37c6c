"""Lines as a table that SQL can read, in words and not in numbers."""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from retail_pipeline.simulator.catalogue import Catalogue, product_code
from retail_pipeline.simulator.clock import Clock
from retail_pipeline.simulator.customers import FIRST_GUEST
from retail_pipeline.simulator.exports.base import Export
from retail_pipeline.simulator.exports.dirt import Dirtier
from retail_pipeline.simulator.exports.orders import NEVER, Standing
from retail_pipeline.simulator.lines import CORRECTION, KINDS, TEST, Lines
from retail_pipeline.simulator.parameters import StoreParameters
from retail_pipeline.simulator.random_numbers import Integers

TEST_PRODUCT = ("TEST001", "This is a test product.")
LOSSES = ("damaged", "lost in the warehouse", "sample")
COUNTRY_CODES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "Netherlands": "NL", "Ireland": "IE", "Belgium": "BE",
    "Spain": "ES", "Italy": "IT", "Portugal": "PT", "Austria": "AT", "Switzerland": "CH", "Poland": "PL",
    "Denmark": "DK", "Sweden": "SE", "Norway": "NO", "Finland": "FI", "United States": "US", "Canada": "CA",
    "Australia": "AU", "New Zealand": "NZ", "Japan": "JP",
}  # fmt: skip

_LINES = """
    select
        *,
        case kind when 'return' then 'R' when 'cancellation' then 'C' when 'test' then 'T' when 'correction' then 'A'
            else '' end
            || placed_id
            || case when part > 0 then '-' || part else '' end as order_id,
        case when customer < $first_guest and kind not in ('test', 'correction')
            then format('C{:08d}', customer + 1) end as customer_id,
        (units * price)::decimal(18, 2) as gross,
        (units * price - discount)::decimal(18, 2) as net,
        regexp_extract(product_id, '0*([0-9]+)', 1) as product_number,
        $currency as currency,
        case kind when 'cancellation' then 'cancelled' when 'test' then 'test' when 'correction' then 'correction'
            when 'return' then 'returned' else 'completed' end as status
    from (select *, format('{:06d}-{:08d}-{:03d}', placed_on, customer + 1, number + 1) as placed_id from arrow_lines)
"""


@dataclass(frozen=True)
class Rows:
    """Lines in the order in which they are written; ``row`` numbers the rows that they stand on."""

    lines: Lines
    row: Integers
    standing: Standing | None


class LineTable:
    """Turns lines into a format's columns.

    The columns of a format find, of each line: ``kind``, ``ts``, ``customer`` and ``number`` (from 0), ``placed_id``
    (of the order that it is a line of or undoes), ``order_id``, ``customer_id``, ``line_no``, ``part``, ``product_id``
    and ``product_number``, ``product_name``, ``category``, ``units``, ``price``, ``discount``, ``gross``, ``net``,
    ``region`` and its ``country`` code, ``channel``, ``currency`` and ``status``; and, if the format knows orders, what
    :class:`~retail_pipeline.simulator.exports.orders.Standing` holds.
    """

    def __init__(self, parameters: StoreParameters, catalogue: Catalogue, clock: Clock, dirtier: Dirtier) -> None:
        self._clock, self._dirtier = clock, dirtier
        kinds = [category.name for category in parameters.catalogue.categories]
        codes = [product_code(product) for product in range(len(catalogue.names))]
        test_code, test_name = TEST_PRODUCT
        # each name as it is and with blanks about it, then the test product and what is said of losses
        self._names = pa.array([*catalogue.names, *(f" {name}  " for name in catalogue.names), test_name, *LOSSES])
        self._codes = pa.array([*codes, *(code.lower() for code in codes), test_code])
        self._products = len(codes)
        self._categories = pa.array([*(kinds[number] for number in catalogue.category.tolist()), "test"])
        self._kinds = pa.array(KINDS)
        self._regions = pa.array([region.name for region in parameters.regions])
        self._countries = pa.array([COUNTRY_CODES.get(region.name, region.name) for region in parameters.regions])
        self._channels = pa.array([channel.name for channel in parameters.channels])
        self._days = np.array([int(f"{clock.date(day):%y%m%d}") for day in range(clock.days + 1)], dtype=np.int32)
        self._connection = duckdb.connect()
        self._connection.execute("set threads = 1")
        self._bound = {"first_guest": FIRST_GUEST, "currency": parameters.currency}

    def select(self, rows: Rows, export: Export) -> duckdb.DuckDBPyRelation:
        """The format's columns of rows, in their order."""
        columns = self._of_lines(rows.lines, folds_case=export.folds_case)
        if rows.standing:
            columns |= {"row_no": pa.array(rows.row), **_of_orders(rows.standing)}
        self._connection.register("arrow_lines", pa.table(columns))
        query = f"select {export.select_list} from ({_LINES})"
        if export.lists:
            lists = ", ".join(
                f"list({sql} order by line_no) filter ({sql} is not null) as {name}"
                for name, sql in export.lists.items()
            )
            query = (
                f"with lines as ({_LINES}), lists as (select row_no, {lists} from lines group by row_no) "
                f"select {export.select_list} from lines join lists using (row_no) where line_no = 1 order by row_no"
            )
        return self._connection.sql(query, params=self._bound)

    def _of_lines(self, lines: Lines, *, folds_case: bool) -> dict[str, pa.Array]:
        names, is_lower = self._dirtier.names_and_case(lines, self._products)
        is_test, is_correction = lines.kind == TEST, lines.kind == CORRECTION
        names = np.where(is_test, 2 * self._products, names)
        names = np.where(is_correction, 2 * self._products + 1 + lines.units % len(LOSSES), names)
        codes = lines.product + self._products * (is_lower & folds_case)
        has_no_name = names < 0
        return {
            "kind": pa.DictionaryArray.from_arrays(lines.kind, self._kinds),
            "ts": pa.array(lines.ts).cast(pa.timestamp("s")),
            "placed_on": pa.array(self._days[self._clock.day_of(lines.placed)]),
            "customer": pa.array(lines.customer),
            "number": pa.array(lines.number),
            "line_no": pa.array(lines.line_no),
            "part": pa.array(lines.part),
            "product_id": _words(np.where(is_test, 2 * self._products, codes), self._codes),
            "product_name": _words(names, self._names, has_no_name),
            "category": _words(np.where(is_test, self._products, lines.product), self._categories),
            "units": pa.array(lines.units),
            "price": money(lines.pence),
            "discount": money(lines.discount),
            "region": _words(lines.region, self._regions),
            "country": _words(lines.region, self._countries),
            "channel": _words(lines.channel, self._channels),
        }


def money(pence: np.ndarray) -> pa.Array:
    """Pence as DECIMAL(18, 2)."""
    words = np.empty((len(pence), 2), dtype="<i8")
    words[:, 0], words[:, 1] = pence, np.asarray(pence) >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(pence), [None, pa.py_buffer(words)])


def _of_orders(standing: Standing) -> dict[str, pa.Array]:
    moments = {"returned_ts": standing.returned_ts, "cancelled_ts": standing.cancelled_ts}
    amounts = ("returned", "order_amount", "order_discount", "order_returned")
    return {
        "is_first": pa.array(standing.is_first),
        **{name: money(getattr(standing, name)) for name in amounts},
        **{name: pa.array(ts, mask=ts == NEVER).cast(pa.timestamp("s")) for name, ts in moments.items()},
    }


def _words(places: np.ndarray, words: pa.Array, is_missing: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32), mask=is_missing), words)
