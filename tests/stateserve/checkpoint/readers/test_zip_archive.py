"""Zip archives read by their directory, with zipfile as the oracle; and archives that lie."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import Memory, read
from stateserve.checkpoint.writers.zip_archive import Content, stream_zip
from stateserve.errors import UnreadableCheckpoint


def zipped(contents: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return written.getvalue()


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0/\\"), min_size=1)


@given(st.dictionaries(names, st.binary(max_size=300)), st.sampled_from([0, 8]))
def test_entries_are_read_as_zipfile_writes_them(contents: dict[str, bytes], method: int) -> None:
    archive = ZipArchive(Memory(zipped(contents, method)))
    assert {name: archive.read(name, 300) for name in archive.entries} == contents


@given(st.dictionaries(names, st.binary(max_size=300)))
def test_zipfile_reads_what_is_written_and_its_length_is_known(contents: dict[str, bytes]) -> None:
    parts = [Content(name, len(each), [each[:9], each[9:]]) for name, each in contents.items()]
    stream = stream_zip(parts)
    written = b"".join(stream.chunks)
    assert len(written) == stream.length
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents


def test_a_compressed_entry_is_read_in_any_order() -> None:
    content = b"".join(struct.pack("<I", number) for number in range(300_000))
    source = ZipArchive(Memory(zipped({"a": content}, zipfile.ZIP_DEFLATED))).inflated("a")
    for start in (0, 500_000, 1_000_000, 4):
        assert read(source, start, 100) == content[start : start + 100]


PLAIN = zipped({"a": b"x" * 100})
ENTRY = PLAIN.index(b"PK\x01\x02")
LIES = {
    "its end is missing": PLAIN[:-20],
    "claims more bytes than the file has": PLAIN[: ENTRY + 24]
    + struct.pack("<I", 2**31)
    + PLAIN[ENTRY + 28 :],
    "encrypted": PLAIN[: ENTRY + 8] + b"\x01" + PLAIN[ENTRY + 9 :],
    "is not where the archive says": PLAIN[: ENTRY + 42]
    + struct.pack("<I", 1)
    + PLAIN[ENTRY + 46 :],
    "Bad CRC-32": PLAIN.replace(b"x" * 100, b"x" * 99 + b"y"),
    "compressed by method 9": PLAIN[: ENTRY + 10] + b"\x09" + PLAIN[ENTRY + 11 :],
    "directory is past the end": PLAIN[:-6] + struct.pack("<I", 2**31) + PLAIN[-2:],
    "times the bytes of the file": zipped({"a": bytes(2**25)}, zipfile.ZIP_DEFLATED),
    "two entries of one name": zipped({"a": b"1", "b": b"2"}).replace(b"b", b"a"),
}


@pytest.mark.parametrize("reason", LIES)
def test_an_archive_that_lies_is_refused(reason: str) -> None:
    with pytest.raises(UnreadableCheckpoint, match=reason):
        ZipArchive(Memory(LIES[reason])).read("a", 1000)
