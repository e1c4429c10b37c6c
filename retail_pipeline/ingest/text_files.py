"""From the bytes of a text export to UTF-8: unpacked, its encoding found, transcoded where it is another.

Belongs here: everything about bytes and encodings. Lines, records and columns are the business of ``scan_lines`` and
``records``.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import UnreadableDropError

BLOCK = 1 << 20
SMALL_BLOCK = 1 << 16
HEAD = 1 << 12
GZIP_MAGIC = b"\x1f\x8b"
UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
BEYOND_ASCII = bytes(range(0x80, 0x100))
UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]"
    rb"|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
STRAYS_A_CHARACTER = 4
"""Bytes that are no UTF-8 for each character that is, up to which a text counts as UTF-8 with broken lines."""
AS_C1_CONTROL, AS_NO_TEXT = "retail_pipeline_c1_control", "retail_pipeline_no_text"


@dataclass(frozen=True)
class Utf8File:
    """A text export as UTF-8.

    ``path`` is the export, called ``name``, or a copy of it; ``encoding`` is what the export is in: 'UTF-8',
    'Windows-1252' or 'UTF-16'. ``has_strays`` says that some bytes may be no text in that encoding; in a copy they are
    no UTF-8 either.
    """

    path: Path
    name: str
    encoding: str
    has_strays: bool


def as_utf8(path: Path, scratch: Path, max_unpacked_bytes: int) -> Utf8File:
    """Hand a text file over as UTF-8, copied only where it is packed or of another encoding.

    Parameters
    ----------
    scratch
        An existing folder for copies, the caller's to remove.

    Raises
    ------
    UnreadableDropError
        when it holds no text, or unpacks to too much.
    """
    plain = path
    if is_gzip(path):
        plain = _unpack(path, scratch / "unpacked", max_unpacked_bytes)
    codec = _utf16_codec(plain, path.name)
    if codec:
        _from_utf16(plain, codec, scratch / "transcoded")
        return Utf8File(scratch / "transcoded", path.name, "UTF-16", True)
    characters, strays = _count_beyond_ascii(plain)
    if strays > STRAYS_A_CHARACTER * characters:
        _from_windows_1252(plain, scratch / "transcoded")
        return Utf8File(scratch / "transcoded", path.name, "Windows-1252", False)
    return Utf8File(plain, path.name, "UTF-8", strays > 0)


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def _unpack(path: Path, target: Path, max_bytes: int) -> Path:
    unpacked = 0
    try:
        with gzip.open(path, "rb") as packed, target.open("wb") as copy:
            while block := packed.read(BLOCK):
                unpacked += len(block)
                if unpacked > max_bytes:
                    raise UnreadableDropError(
                        f"{path.name} unpacks to more than {max_bytes / 2**30:g} GiB. If that is right, raise "
                        "ingest.max_unpacked_gib."
                    )
                copy.write(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableDropError(f"{path.name} is a damaged gzip file ({error}). Copy or export it again.") from error
    return target


def _utf16_codec(path: Path, name: str) -> str | None:
    """The codec of a file in UTF-16, with its mark or without; None for any other text."""
    with path.open("rb") as file:
        start = file.read(HEAD)
    if start[:2] in UTF16_MARKS:
        return UTF16_MARKS[start[:2]]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if even + odd <= len(start) // 4:
        return None
    if 4 * min(even, odd) > max(even, odd):
        raise UnreadableDropError(f"{name} is no text table (it holds binary data). Export it as csv or xlsx.")
    return "utf-16-le" if odd > even else "utf-16-be"


def _from_utf16(path: Path, codec: str, target: Path) -> None:
    """What is no UTF-16 becomes bytes that are no UTF-8, so that the line they stand on can be told."""
    with (
        path.open(encoding=codec, errors=AS_NO_TEXT, newline="") as file,
        target.open("w", encoding="utf-8", errors="surrogatepass", newline="") as copy,
    ):
        while text := file.read(BLOCK):
            copy.write(text)


def _from_windows_1252(path: Path, target: Path) -> None:
    with path.open("rb") as file, target.open("wb") as copy:
        while block := file.read(SMALL_BLOCK):
            copy.write(block if block.isascii() else block.decode("cp1252", AS_C1_CONTROL).encode())


def _count_beyond_ascii(path: Path) -> tuple[int, int]:
    """The UTF-8 characters beyond ASCII in a file, and the bytes beyond ASCII that are part of none.

    A byte-order mark counts as proof of UTF-8: with it, no number of strays makes the file another encoding.
    """
    characters, strays = 0, 0
    for block in _whole_characters(path):
        if block.isascii():
            continue
        ascii_bytes = len(block.translate(None, BEYOND_ASCII))
        try:
            characters += len(block.decode()) - ascii_bytes
        except UnicodeDecodeError:
            found = UTF8_CHARACTER.findall(block)
            characters += len(found)
            strays += len(block) - ascii_bytes - sum(map(len, found))
    with path.open("rb") as file:
        if file.read(3) == codecs.BOM_UTF8:
            characters += strays
    return characters, strays


def _whole_characters(path: Path) -> Iterator[bytes]:
    """The file in small blocks none of which ends within a UTF-8 character."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(SMALL_BLOCK):
            block = rest + block
            end = len(block)
            for place in range(len(block) - 1, max(len(block) - 4, -1), -1):
                if block[place] >= 0xC0:
                    end = place
                if block[place] >= 0xC0 or block[place] < 0x80:
                    break
            rest = block[end:]
            yield block[:end]
    yield rest


def _as_c1_control(error: UnicodeError) -> tuple[str, int]:
    """Read the five bytes that Windows-1252 leaves undefined as ISO-8859-1 does."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


def _as_no_text(error: UnicodeError) -> tuple[str, int]:
    """A lone surrogate, which no valid text holds."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udc80", error.end


codecs.register_error(AS_C1_CONTROL, _as_c1_control)
codecs.register_error(AS_NO_TEXT, _as_no_text)
