"""Who a customer is stays out of the warehouse: keyed hashes in place of e-mail addresses and names.

A hash is HMAC-SHA-256 (RFC 2104) under a key that lies in the home and is readable by its owner alone. Without the key
nobody can tell from a hash whose it is, not even by trying all addresses.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from pathlib import Path

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import Home
from retail_pipeline.ingest.formats import Recognised
from retail_pipeline.ingest.records import Record, State
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.warehouse import Warehouse

KEY_BYTES = 32
BLOCK_BYTES = 64
HASH_DIGITS = 32
EMAIL = re.compile(r"(?<![\w.+%&-])[\w.+%&-][\w.+'%&-]*@[\w-]+(?:\.[\w-]+)+")
SQL_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
KEY_CHECK = b"which key this is"
MASK = "***"
PERSONAL = ("customer_id", "raw")
"""Columns of the warehouse that are not shown in logs and messages."""
LETTER, LONG_NUMBER = re.compile(r"[^\W\d_]"), re.compile(r"\d{5,}")


class Pseudonyms:
    """Customer ids as they are stored.

    Parameters
    ----------
    key
        The home's key; None to keep ids as they are.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    @classmethod
    def of(cls, home: Home, settings: Settings) -> "Pseudonyms":
        """Those of a home, by its settings; its key is made where there is none."""
        return cls(read_key(home) if settings.privacy.customer_ids == "hash" else None)

    def of_customer(self, customer: str) -> str:
        """The hash of an e-mail address or a name."""
        assert self._key
        return hmac.new(self._key, customer.strip().lower().encode(), hashlib.sha256).hexdigest()[:HASH_DIGITS]

    def customer_sql(self, recognised: Recognised) -> tuple[str, dict[str, bytes]]:
        """SQL for the ``customer_id`` to store, and what is bound to its parameters.

        Database engines have SHA-256 and no HMAC, so its two passes are spelled out.
        """
        if self._key is None or "customer_id" not in recognised.format.target.fields:
            return "customer_id", {}
        key = self._key.ljust(BLOCK_BYTES, b"\0")
        text = "encode(lower(trim(customer_id)))"
        hashed = f"left(sha256($outer_key::blob || unhex(sha256($inner_key::blob || {text}))), {HASH_DIGITS})"
        is_personal = "true" if recognised.format.has_personal_ids else f"regexp_matches(customer_id, '{SQL_EMAIL}')"
        return (
            f"case when {is_personal} then {hashed} else customer_id end",
            {"inner_key": bytes(byte ^ 0x36 for byte in key), "outer_key": bytes(byte ^ 0x5C for byte in key)},
        )

    def mask_emails(self, text: str) -> str:
        """A text without the e-mail addresses in it."""
        return text if self._key is None else EMAIL.sub(MASK, text)

    def mask_record(self, text: str, recognised: Recognised, delimiter: str) -> str:
        """A record of a delimited text without what tells who a person is.

        Where its columns cannot be told apart in a format that has such columns, no letter and no long number is left.
        """
        places = recognised.personal_positions
        if self._key is None or not places:
            return self.mask_emails(text)
        record = Record(delimiter.encode())
        record.take(text.encode())
        if record.state is not State.WHOLE or len(record.columns) != len(recognised.header):
            return LONG_NUMBER.sub("0", LETTER.sub("x", text))
        columns = [
            _masked(column.decode("utf-8", "replace"), place in places) for place, column in enumerate(record.columns)
        ]
        return delimiter.join(_quoted(column, delimiter) for column in columns)

    def mask_cells(self, text: str, recognised: Recognised) -> str:
        """A row of a workbook or a parquet file, as JSON, without what tells who a person is."""
        places = recognised.personal_positions
        if self._key is None:
            return text
        cells = json.loads(text)
        if isinstance(cells, dict):
            masked: object = {name: _masked(cell, place in places) for place, (name, cell) in enumerate(cells.items())}
        else:
            masked = [_masked(cell, place in places) for place, cell in enumerate(cells)]
        return json.dumps(masked, ensure_ascii=False)


def read_key(home: Home) -> bytes:
    """The home's key, made at first use.

    Raises
    ------
    SettingsError
        when the file is there and holds no key.
    """
    path = home.privacy_key
    try:
        return _parsed_key(path, path.read_text())
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        os.link(temporary, path)  # whoever was first wins, and no key is ever overwritten
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return _parsed_key(path, path.read_text())


def require_same_key(warehouse: Warehouse) -> None:
    """Make sure that the home's key is the one under which this warehouse's ids were hashed.

    Raises
    ------
    SettingsError
        when it is another: every customer would be there a second time, and the forgotten would be known no more.
    """
    if warehouse.settings.privacy.customer_ids == "keep" and not warehouse.exists("pipeline.forgotten_customers"):
        return
    check = hmac.new(read_key(warehouse.home), KEY_CHECK, hashlib.sha256).hexdigest()
    warehouse.execute("create table if not exists pipeline.privacy_key (key_check varchar)")
    known = warehouse.value("select key_check from pipeline.privacy_key")
    if known is None:
        warehouse.execute("insert into pipeline.privacy_key values (?)", [check])
    elif known != check:
        raise SettingsError(
            f"{warehouse.home.privacy_key} is not the key under which the customers in the warehouse were hashed. Put "
            f"that one back from a backup. If it is lost, move {warehouse.home.work} away: the next run loads "
            "the files in drops/ anew, and customers get new ids. Forget again whom you had forgotten."
        )


def _parsed_key(path: Path, text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"{path} holds no key (64 hexadecimal digits). Put it back from a backup; with another key all customers "
            "whose ids are hashed would be new ones."
        )
    return key


def _masked(cell: object, is_personal: bool) -> object:
    if not isinstance(cell, str) or not cell:
        return cell
    return MASK if is_personal else EMAIL.sub(MASK, cell)


def _quoted(column: object, delimiter: str) -> str:
    text = str(column)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in (delimiter, '"', "\n", "\r")) else text
