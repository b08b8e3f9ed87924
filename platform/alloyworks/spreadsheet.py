"""Lines of CSV that no spreadsheet takes for a formula (OWASP, CSV injection)."""

import csv
import io
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how spreadsheets know what to compute


def line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(map(harmless, values))
    return text.getvalue()


def harmless(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if risky else value
