"""Bytes to lines of text: numbered, bounded, and nothing but UTF-8."""

from collections.abc import Iterator
from typing import Protocol

from alloyworks.catalog.ingest.faults import Faults, refuse_file, refuse_line

LINE_BYTES = 1024**2
MOST_LINES = 20_000_000
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Lines = Iterator[tuple[int, bytes]]


class Source(Protocol):
    """An open binary file, or Django's uploaded one."""

    def readline(self, size: int, /) -> bytes: ...


def read_lines(source: Source) -> Lines:
    """Numbered lines with their ends. Invalid at a longer one, of which no more is read."""
    number = 0
    while line := source.readline(len(_BOM) + LINE_BYTES + 2):
        number += 1
        if number > MOST_LINES:
            raise refuse_file(f"The file has more than {MOST_LINES:,} lines.", "Divide it.")
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line.rstrip(b"\r\n")) > LINE_BYTES:
            raise refuse_line(
                number,
                f"is longer than {LINE_BYTES:,} bytes",
                "Put one example a line, and divide examples that are longer than 1 MiB.",
            )
        yield number, line


def decode(number: int, line: bytes, faults: Faults) -> str:
    """The line's text; faults are noted, and what can't be read becomes U+FFFD."""
    if b"\0" in line:
        utf16 = number == 1 and line.startswith(_UTF16)
        remedy = "Save the file as UTF-8." if utf16 else "Remove the zero bytes."
        faults.add(number, "holds a zero byte (U+0000)", remedy)
        line = line.replace(b"\0", b"")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        place = f"byte {error.start + 1} of the line is 0x{line[error.start]:02x}"
        faults.add(number, f"is not UTF-8: {place}", "Save the file as UTF-8.")
        return line.decode(errors="replace")
