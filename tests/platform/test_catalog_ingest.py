"""Lines and what is wrong with them: bytes, JSON, bounds."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloyworks import strictjson
from alloyworks.catalog.ingest import lines as reading
from alloyworks.catalog.ingest.faults import MOST
from alloyworks.catalog.ingest.lines import LINE_BYTES
from alloyworks.errors import Invalid
from tests.platform.ingest_cast import lines, refused, taken

GOOD = '{"text": "a"}\n'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("begin", ["", "\ufeff", "\n\n", "\ufeff\n"])
def test_a_bom_blank_lines_and_the_ends_of_lines_do_not_matter(begin: str, end: str) -> None:
    content = f'{begin}{{"text": "a"}}{end}{end}  {end}{{"text": "b"}}'

    assert [row["text"] for row in taken(content).rows] == ["a", "b"]


@pytest.mark.parametrize("content", ["", "\n \n\t\n", "\ufeff"])
def test_an_empty_file_is_refused(content: str) -> None:
    assert refused(content)[0].loc == ["file"]


def test_a_csv_of_a_header_alone_has_no_rows() -> None:
    assert refused("prompt,completion\n", "a.csv")[0].msg == "The file has no rows."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "is not JSON"),
        ('{"text": "a"', "is not JSON"),
        ('{"text": "a",}', "is not JSON"),
        ("{'text': 'a'}", "is not JSON"),
        ('{"text": "a"} {"text": "b"}', "is not JSON: Extra data"),
        ('{"text": "a", "text": "b"}', "the key 'text' is there twice"),
        ('{"text": "a", "n": NaN}', "NaN is not a JSON number"),
        ('{"text": "a", "n": -Infinity}', "-Infinity is not a JSON number"),
        ('{"text": "a", "n": 1e999}', "is too large"),
        ('{"text": "a", "n": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"text": "a\\u0000"}', "U+0000"),
        ('{"text": "a\\ud800"}', "half of a surrogate pair"),
        ('{"\\udfff": 1, "text": "a"}', "half of a surrogate pair"),
        ('{"text": "a", "deep": ' + "[" * 40 + "]" * 40 + "}", "deeper than 32 levels"),
        ('{"text": "a", "deep": ' + "[" * 100_000, "is not JSON"),
        ('{"text": "a\tb"}', "Invalid control character at character 12"),
        ("[1, 2]", "is a list, not a JSON object"),
        ("7", "is 7, not a JSON object"),
        ("null", "is null, not a JSON object"),
        ('"text"', "is 'text', not a JSON object"),
    ],
)
def test_a_line_that_is_no_strict_json_object_is_named(line: str, words: str) -> None:
    (error,) = refused(GOOD * 6 + line + "\n" + GOOD)

    assert (error.loc, words in error.msg) == (["line", 7], True), error.msg


def test_whole_surrogate_pairs_and_everything_else_in_unicode_are_kept() -> None:
    content = '{"text": "\\ud83c\\udf89 é 名前 \\u2028 \u2028 \x85"}\n'

    assert taken(content).rows == [{"text": "🎉 é 名前 \u2028 \u2028 \x85"}]


@pytest.mark.parametrize("content", ['[{"text": "a"}]', "[\n{}\n]"])
def test_a_json_list_is_refused_once(content: str) -> None:
    (error,) = refused(content, "data.json")

    assert error.loc == ["line", 1]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'{"text": "\xff"}\n', 1, "byte 11 of the line is 0xff"),
        (GOOD.encode() + b'{"text": "a\xc3"}\n', 2, "is not UTF-8"),
        (GOOD.encode() + b'{"text": "a\0"}\n', 2, "zero byte"),
        ("\ufeff".encode("utf-16-le") + GOOD.encode("utf-16-le"), 1, "zero byte"),
        (b'{"text": "\xed\xa0\x80"}\n', 1, "is not UTF-8"),  # a surrogate, as UTF-8 forbids
    ],
)
def test_bytes_that_are_no_text_are_named(content: bytes, line: int, words: str) -> None:
    error = refused(content)[0]

    assert (error.loc, words in error.msg) == (["line", line], True), error.msg


def test_a_line_as_long_as_allowed_is_taken_and_a_longer_one_is_not() -> None:
    around = len('{"text": ""}')

    assert len(taken(lines({"text": "x" * (LINE_BYTES - around)})).rows[0]["text"]) > 10**6
    (error,) = refused(GOOD + lines({"text": "x" * (LINE_BYTES - around + 1)}) + GOOD)
    assert (error.loc, "is longer than" in error.msg) == (["line", 2], True)


def test_of_an_endless_line_no_more_is_read_than_shows_it() -> None:
    class Endless:
        read = 0

        def readline(self, size: int) -> bytes:
            self.read += size
            return b"x" * size

    source = Endless()

    with pytest.raises(Exception, match="Line 1 is longer"):
        list(reading.read_lines(source))
    assert source.read < LINE_BYTES + 100


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 3)

    assert len(taken(GOOD * 3).rows) == 3
    assert "more than 3 lines" in refused(GOOD * 4)[0].msg


def test_many_faults_are_told_at_once_and_then_reading_stops() -> None:
    assert [error.loc[1] for error in refused((GOOD + "x\n") * 3)] == [2, 4, 6]
    assert len(refused(GOOD + "x\n" * (MOST + 50))) == MOST


def test_a_value_is_quoted_in_short() -> None:
    (error,) = refused(lines({"messages": [{"role": "x" * 5000, "content": "a"}]}))

    assert len(error.msg) < 200


def test_lengths_are_counted_without_roles_and_summed_up() -> None:
    row = {"messages": [{"role": "user", "content": "1234"}, {"role": "assistant", "content": "5"}]}

    stats = taken(lines(*[row] * 3)).found.stats

    assert stats["rows"] == 3
    assert stats["characters"] == {
        "total": 15, "mean": 5.0, "min": 5, "p10": 5, "p50": 5, "p90": 5, "p99": 5, "max": 5,
    }  # fmt: skip


def test_the_preview_is_short_however_large_the_rows_are() -> None:
    row = {
        "text": "x" * 100_000,
        "tags": list(range(1000)),
        "more": {f"k{n}": n for n in range(99)},
    }

    preview = taken(lines(*[row] * 30)).found.preview

    assert len(preview) == 20
    assert len(json.dumps(preview)) < 60_000


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values, st.booleans())
def test_strict_json_reads_what_json_writes(value: Any, ascii_: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_)
    if "\\u0000" not in text:
        assert strictjson.parse(text) == value


@given(st.text(st.sampled_from('{}[]",:\\u0dD8 aNe1-.'), max_size=40))
def test_strict_json_takes_a_subset_of_json_and_fails_in_one_way(text: str) -> None:
    try:
        value = strictjson.parse(text)
    except ValueError as error:
        assert str(error)
    else:
        assert json.loads(text) == value
        assert not any(isinstance(v, float) and not math.isfinite(v) for v in [value])


@given(st.lists(st.binary(max_size=60), max_size=12), st.sampled_from(["a.jsonl", "a.csv", "a"]))
def test_no_file_breaks_the_ingest(pieces: list[bytes], filename: str) -> None:
    content = b"\n".join([b'{"text": "a"}' if filename == "a.jsonl" else b"text,b", *pieces])

    try:
        rows = taken(content, filename).rows
    except Invalid as error:
        assert error.errors
    else:
        assert all(set(row) == {"text"} for row in rows)
