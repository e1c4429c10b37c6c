"""Lines as columns of numbers: what the shop truly did, before it is written in any format."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SALE, RETURN, CANCELLATION, TEST, CORRECTION = range(5)
KINDS = ("sale", "return", "cancellation", "test", "correction")

_TYPES = {
    "kind": np.int8, "ts": np.int64, "placed": np.int64, "customer": np.int32, "number": np.int32,
    "line_no": np.int16, "part": np.int16, "product": np.int32, "units": np.int32, "pence": np.int64,
    "discount": np.int64, "region": np.int8, "channel": np.int8,
}  # fmt: skip


@dataclass(frozen=True)
class Lines:
    """Lines; arrays of one length.

    Attributes
    ----------
    kind
        An index of :data:`KINDS`.
    ts, placed
        The second since 1970, in store time, of the line and of the order it belongs to.
    customer, number
        The customer, and which of its orders this is, from 0.
    line_no
        The line's number in its order, or in that which it undoes.
    part
        For a return: the line of the order that comes back; else 0.
    product, units
        Units are negative for what comes back.
    pence, discount
        Price of a unit before discount, and money off the whole line (negative where units are), in pence.
    """

    kind: NDArray[Any]
    ts: NDArray[Any]
    placed: NDArray[Any]
    customer: NDArray[Any]
    number: NDArray[Any]
    line_no: NDArray[Any]
    part: NDArray[Any]
    product: NDArray[Any]
    units: NDArray[Any]
    pence: NDArray[Any]
    discount: NDArray[Any]
    region: NDArray[Any]
    channel: NDArray[Any]

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def of(cls, **columns: NDArray[Any]) -> Self:
        """Lines of columns, each brought to its type."""
        return cls(**{name: np.asarray(column).astype(_TYPES[name], copy=False) for name, column in columns.items()})

    @classmethod
    def none(cls) -> Self:
        """No lines."""
        return cls.of(**{name: np.zeros(0) for name in _TYPES})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The lines of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return (
            cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _TYPES})
            if parts
            else (cls.none())
        )

    def take(self, places: NDArray[Any] | slice) -> Self:
        """The lines at places, or where a mask is true."""
        return type(self)(**{field.name: getattr(self, field.name)[places] for field in fields(self)})

    def changed(self, **columns: NDArray[Any]) -> Self:
        """The same lines with other values in some columns."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self).of(**{**every, **columns})

    @property
    def amount(self) -> NDArray[np.int64]:
        """What each line is worth [pence]."""
        return np.asarray(self.units.astype(np.int64) * self.pence - self.discount)


def money(pence: NDArray[Any]) -> pa.Array:
    """Pence as DECIMAL(18, 2)."""
    words = np.empty((len(pence), 2), dtype="<i8")
    words[:, 0], words[:, 1] = pence, np.asarray(pence) >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(pence), [None, pa.py_buffer(words)])
