"""From bytes to UTF-8: encodings, packing."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest import text_files
from retail_pipeline.ingest.text_files import Utf8File, as_utf8

UNDEFINED_IN_WINDOWS_1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def converted(tmp_path: Path, content: bytes, max_bytes: int = 1 << 30) -> Utf8File:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    for copy in ("unpacked", "transcoded"):
        (tmp_path / copy).unlink(missing_ok=True)
    return as_utf8(path, tmp_path, max_bytes)


def test_utf_8_is_used_where_it_lies(tmp_path: Path) -> None:
    file = converted(tmp_path, "a,grüße,€,😀\n".encode())
    assert file == Utf8File(tmp_path / "file.csv", "file.csv", "UTF-8", False)


def test_latin_1_letters_keep_their_meaning(tmp_path: Path) -> None:
    file = converted(tmp_path, bytes(range(0xA0, 0x100)))
    assert file.encoding == "Windows-1252"
    assert file.path.read_bytes().decode() == "".join(map(chr, range(0xA0, 0x100)))


def test_windows_1252_punctuation_keeps_its_meaning(tmp_path: Path) -> None:
    defined = bytes(byte for byte in range(0x80, 0xA0) if byte not in UNDEFINED_IN_WINDOWS_1252)
    file = converted(tmp_path, b"x" + defined)
    assert file.path.read_bytes().decode() == "x€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"


def test_bytes_that_windows_1252_leaves_undefined_are_read_as_latin_1(tmp_path: Path) -> None:
    file = converted(tmp_path, bytes(UNDEFINED_IN_WINDOWS_1252))
    assert [ord(character) for character in file.path.read_bytes().decode()] == list(UNDEFINED_IN_WINDOWS_1252)


def test_a_few_broken_bytes_do_not_turn_utf_8_into_windows_1252(tmp_path: Path) -> None:
    file = converted(tmp_path, "é\n".encode() * 3 + "é\n".encode()[:1] * 12)
    assert (file.encoding, file.has_strays) == ("UTF-8", True)


def test_many_more_broken_bytes_than_characters_are_windows_1252(tmp_path: Path) -> None:
    assert converted(tmp_path, "é\n".encode() * 3 + b"\xe9\n" * 13).encoding == "Windows-1252"


def test_a_byte_order_mark_proves_utf_8(tmp_path: Path) -> None:
    file = converted(tmp_path, b"\xef\xbb\xbf" + b"\xe9\n" * 100)
    assert (file.encoding, file.has_strays) == ("UTF-8", True)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path: Path, codec: str) -> None:
    content = "order_id,name\r\n1,Gürtel 😀\n"
    file = converted(tmp_path, content.encode(codec))
    assert file.encoding == "UTF-16"
    assert file.path.read_bytes().decode() == content


def test_utf_16_with_a_big_endian_mark_is_read(tmp_path: Path) -> None:
    content = "order_id,name\n1,Gürtel\n"
    assert converted(tmp_path, b"\xfe\xff" + content.encode("utf-16-be")).path.read_bytes().decode() == content


def test_a_lone_surrogate_spoils_its_line_only(tmp_path: Path) -> None:
    content = b"\xff\xfe" + "a\nb".encode("utf-16-le") + b"\x00\xd8" + "\nc\n".encode("utf-16-le")
    lines = converted(tmp_path, content).path.read_bytes().split(b"\n")
    assert [lines[0], lines[2]] == [b"a", b"c"]
    with pytest.raises(UnicodeDecodeError):
        lines[1].decode()


def test_half_a_character_at_the_end_of_utf_16_is_told(tmp_path: Path) -> None:
    last = converted(tmp_path, "a\nb".encode("utf-16") + b"\x41").path.read_bytes().split(b"\n")[1]
    with pytest.raises(UnicodeDecodeError):
        last.decode()


def test_binary_data_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDropError, match="binary"):
        converted(tmp_path, bytes(range(4)) * 100 + bytes(300))


@given(st.text(), st.integers(1, 9))
def test_utf_8_has_no_strays_wherever_the_blocks_end(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int
) -> None:
    content = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "SMALL_BLOCK", block)
        path = tmp_path_factory.getbasetemp() / "blocks.csv"
        path.write_bytes(content)
        characters, strays = text_files._count_beyond_ascii(path)
    has_mark = content.startswith(b"\xef\xbb\xbf")
    assert strays == 0
    assert characters == sum(character > "\x7f" for character in text) + (strays if has_mark else 0)


@given(st.binary())
def test_bytes_have_strays_exactly_if_they_do_not_decode(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(content)
    try:
        content.decode()
        decodes = True
    except UnicodeDecodeError:
        decodes = False
    assert (text_files._count_beyond_ascii(path)[1] == 0) == decodes


def test_a_packed_file_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    file = converted(tmp_path, gzip.compress(b"a,b\n"))
    assert (file.path.read_bytes(), file.name) == (b"a,b\n", "file.csv")


def test_a_file_packed_in_several_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    assert converted(tmp_path, gzip.compress(b"a\n") + gzip.compress(b"b\n")).path.read_bytes() == b"a\nb\n"


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"a,b\n" * 1000)[:-9], gzip.compress(b"a,b\n")[:-8] + bytes(8), b"\x1f\x8b" + b"x" * 50],
    ids=["cut off", "wrong check sum", "no gzip at all"],
)
def test_a_damaged_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableDropError, match="damaged gzip"):
        converted(tmp_path, content)


def test_a_packed_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDropError, match=r"ingest\.max_unpacked_gib"):
        converted(tmp_path, gzip.compress(bytes(10_000)), max_bytes=9_999)
