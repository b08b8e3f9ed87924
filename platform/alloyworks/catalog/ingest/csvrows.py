"""CSV (RFC 4180) with a header: records that may span lines, but not more than a line's bytes."""

import csv
from collections.abc import Iterator
from itertools import chain

from alloyworks.catalog.ingest.faults import Faults, refuse_line
from alloyworks.catalog.ingest.lines import LINE_BYTES, Lines, decode

_DELIMITERS = ",;\t"
Record = tuple[int, list[str]]


def read_csv(lines: Lines, faults: Faults) -> Iterator[tuple[int, dict[str, str]]]:
    """Each record's first line and its fields by column; column names are lower-cased."""
    number, first = next(lines)
    delimiter = max(_DELIMITERS, key=first.decode(errors="replace").count)
    records = _records(_Lines(chain([(number, first)], lines), faults), delimiter)
    header = _header(next(records, (number, [])), faults)
    for line, fields in records:
        if not any(field.strip() for field in fields):
            continue
        if len(fields) == len(header):
            yield line, dict(zip(header, fields, strict=True))
        else:
            remedy = f'Divide by "{delimiter}", and put quotes around fields that contain it.'
            msg = f"has {len(fields)} fields, the header has {len(header)}"
            faults.add(line, msg, remedy.replace("\t", "tab"))


class _Lines:
    """What csv.reader reads from: it takes several lines where a quote is open."""

    def __init__(self, lines: Lines, faults: Faults) -> None:
        self.lines, self.faults = lines, faults
        self.begin = self.size = 0  # of the present record

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        number, line = next(self.lines)
        if self.size == 0:
            self.begin = number
        self.size += len(line)
        if self.size > LINE_BYTES + 2:
            raise refuse_line(
                self.begin,
                f"begins a record of more than {LINE_BYTES:,} bytes",
                'Close its quote ("), and double quotes that are part of a text ("").',
            )
        return decode(number, line, self.faults)


def _records(source: _Lines, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(LINE_BYTES + 2)  # the module's own default is 128 KiB
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            remedy = 'Put quotes around the whole field, and double those inside ("").'
            source.faults.add(source.begin, f"is not CSV: {error}", remedy)
        else:
            yield source.begin, fields
        source.size = 0


def _header(record: Record, faults: Faults) -> list[str]:
    """The names; what is wrong with them is final, as every row would be read wrongly."""
    line, fields = record
    names = [field.strip().lower() for field in fields]
    for place, name in enumerate(names, start=1):
        if not name:
            faults.add(line, f"names no column {place}", "The first line names every column.")
        elif name in names[: place - 1]:
            faults.add(line, f"names the column {name[:80]!r} twice", "Rename one of them.")
    faults.check()
    return names
