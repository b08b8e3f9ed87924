"""CSV files: quotes, delimiters, records over several lines, and what is wrong with them."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloyworks.catalog.ingest.lines import LINE_BYTES
from tests.platform.ingest_cast import refused, taken

HEADER = "prompt,completion\n"


def test_quotes_hold_delimiters_quotes_and_ends_of_lines() -> None:
    content = HEADER + '"a, ""b""","c\nd"\r\n e ,f\n'

    assert taken(content, "a.csv").rows == [
        {"prompt": 'a, "b"', "completion": "c\nd"},
        {"prompt": " e ", "completion": "f"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    content = f"Prompt{delimiter} COMPLETION \na{delimiter}b\n"

    assert taken(content, "a.csv").rows == [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize("filename", ["a.csv", "A.CSV", "a.tsv", "a.txt", "a", ""])
def test_csv_is_known_by_its_name_or_its_first_byte(filename: str) -> None:
    assert len(taken("\ufeff" + HEADER + "a,b\n", filename).rows) == 1


def test_json_lines_are_known_by_their_first_byte() -> None:
    assert taken(' {"text": "a, b"}\n', "a.txt").rows == [{"text": "a, b"}]


def test_one_column_needs_no_delimiter() -> None:
    assert [row["text"] for row in taken("text\nhello\n\nworld\n", "a.csv").rows] == [
        "hello",
        "world",
    ]


def test_messages_in_a_field_are_json() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    content = io.StringIO()
    csv.writer(content).writerows([["messages"], [json.dumps(messages)]])

    assert taken(content.getvalue(), "a.csv").rows == [{"messages": messages}]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("a", "has 1 fields, the header has 2"),
        ("a,b,c", "has 3 fields, the header has 2"),
        ('a,"b" c', "is not CSV"),
        ("a, ", "is empty"),
    ],
)
def test_a_broken_record_is_named_by_its_first_line(record: str, words: str) -> None:
    errors = refused(HEADER + '"x\ny",z\n' + record + "\nc,d\n", "a.csv")

    assert (errors[0].loc[:2], words in errors[0].msg) == (["line", 4], True), errors[0].msg


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("prompt,completion,prompt", "'prompt' twice"),
        ("prompt,,completion", "no column 2"),
        ("Prompt,completion,prompt ", "twice"),
    ],
)
def test_a_header_that_names_nothing_or_twice_is_refused(header: str, words: str) -> None:
    (error,) = refused(header + "\na,b,c\n", "a.csv")

    assert (error.loc, words in error.msg) == (["line", 1], True)


def test_an_open_quote_does_not_swallow_the_file() -> None:
    body = 'a,"never closed\n' + "x,y\n" * (LINE_BYTES // 3)

    (error,) = refused(HEADER + "p,q\n" + body, "a.csv")

    assert (error.loc, "begins a record of more than" in error.msg) == (["line", 3], True)


def test_an_open_quote_at_the_end_of_a_short_file_is_named() -> None:
    (error,) = refused(HEADER + 'a,"b\n', "a.csv")

    assert (error.loc, "is not CSV" in error.msg) == (["line", 2], True)


printable = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1)
fields = printable.filter(lambda text: bool(text.strip()))


@given(st.lists(st.tuples(fields, fields), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_what_the_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str]], delimiter: str
) -> None:
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter).writerows([("prompt", "completion"), *rows])

    found = taken(content.getvalue(), "a.csv").rows

    assert [(row["prompt"], row["completion"]) for row in found] == rows
