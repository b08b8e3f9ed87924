"""Every format that we know, found by its columns, and what an example of it is."""

from typing import Any

import pytest

from tests.platform.ingest_cast import lines, refused, taken

ASKED = [{"role": "user", "content": "Gold?"}, {"role": "assistant", "content": "Au"}]
PAIR = {"prompt": "Gold?", "completion": "Au"}


@pytest.mark.parametrize(
    ("row", "format_", "example"),
    [
        ({"messages": ASKED}, "chat", {"messages": ASKED}),
        (
            {
                "conversations": [
                    {"from": "system", "value": ""},
                    {"from": "human", "value": "Gold?"},
                    {"from": "gpt", "value": "Au"},
                ]
            },
            "chat",
            {"messages": ASKED},
        ),
        (PAIR, "prompt_completion", PAIR),
        ({"prompt": "Gold?", "response": "Au"}, "prompt_completion", PAIR),
        ({"question": "Gold?", "answer": "Au"}, "prompt_completion", PAIR),
        ({"input": "Gold?", "output": "Au"}, "prompt_completion", PAIR),
        (
            {"instruction": "Say it", "input": "Gold?", "output": "Au"},
            "instruction",
            {"instruction": "Say it", "input": "Gold?", "output": "Au"},
        ),
        (
            {"instruction": "Say it", "output": "Au"},
            "instruction",
            {"instruction": "Say it", "input": "", "output": "Au"},
        ),
        (
            {"instruction": "Say it", "context": "Gold?", "response": "Au", "category": "qa"},
            "instruction",
            {"instruction": "Say it", "input": "Gold?", "output": "Au"},
        ),
        ({"text": "Gold is Au."}, "text", {"text": "Gold is Au."}),
        (
            {"prompt": "Gold?", "chosen": "Au", "rejected": "Ag"},
            "preference",
            {"prompt": "Gold?", "chosen": "Au", "rejected": "Ag"},
        ),
    ],
)
def test_a_format_is_found_by_its_columns(
    row: dict[str, Any], format_: str, example: dict[str, Any]
) -> None:
    result = taken(lines(row))

    assert (result.found.format, result.rows) == (format_, [example])
    assert result.found.columns == list(row)
    assert result.found.preview == [row]


def test_unknown_columns_are_named_beside_the_known_ones() -> None:
    (error,) = refused(lines({"colour": "red", "shape": "round"}))

    assert (error.loc, "colour, shape" in error.msg) == (["line", 1], True)
    assert "prompt and completion" in error.remedy


def test_columns_beside_those_of_the_format_are_left_out() -> None:
    assert taken(lines(PAIR | {"id": 7, "tags": ["a"]})).rows == [PAIR]


@pytest.mark.parametrize(
    ("change", "loc", "words"),
    [
        ({"completion": None}, ["completion"], "null, not a text"),
        ({"completion": 7}, ["completion"], "7, not a text"),
        ({"completion": ["Au"]}, ["completion"], "a list, not a text"),
        ({"completion": " \n"}, ["completion"], "is empty"),
        ({"prompt": True}, ["prompt"], "true, not a text"),
    ],
)
def test_a_field_that_is_no_text_is_named(
    change: dict[str, Any], loc: list[str], words: str
) -> None:
    (error,) = refused(lines(PAIR, PAIR | change))

    assert (error.loc, words in error.msg) == (["line", 2, *loc], True)


def test_a_missing_field_is_named() -> None:
    (error,) = refused(lines(PAIR, {"prompt": "Gold?"}))

    assert (error.loc, error.msg) == (["line", 2, "completion"], "is missing")


def test_the_input_of_an_instruction_is_a_text_or_nothing() -> None:
    instruction = {"instruction": "Say it", "output": "Au"}

    assert taken(lines(instruction | {"input": None})).rows[0]["input"] == ""
    assert refused(lines(instruction | {"input": 7}))[0].loc == ["line", 1, "input"]


# Conversations.


@pytest.mark.parametrize(
    ("messages", "loc", "words"),
    [
        ([], [], "is empty"),
        (None, [], "null, not a list"),
        ("hello", [], "is not JSON"),
        ({"role": "user"}, [], "an object, not a list"),
        ([7], [0], "7, not a message"),
        ([*ASKED, {"content": "x"}], [2, "role"], "is missing"),
        ([*ASKED, {"role": "king", "content": "x"}], [2, "role"], "'king', not a role"),
        ([*ASKED, {"role": ["user"], "content": "x"}], [2, "role"], "a list, not a role"),
        ([{"role": "user", "content": ""}, ASKED[1]], [0, "content"], "is empty"),
        ([ASKED[0], {"role": "assistant"}], [1, "content"], "is missing"),
        ([ASKED[0]], [], "does not end with an assistant's answer"),
        ([ASKED[1]], [], "does not end with an assistant's answer"),
        ([*ASKED, ASKED[0]], [], "does not end with an assistant's answer"),
        ([{"role": "system", "content": "Hi"}, ASKED[1]], [], "does not end with"),
        ([{"from": "human", "value": 7}, ASKED[1]], [0, "value"], "7, not a text"),
    ],
)
def test_what_is_wrong_with_a_conversation_is_said(
    messages: Any, loc: list[str | int], words: str
) -> None:
    (error,) = refused(lines({"messages": messages}))

    assert (error.loc, words in error.msg) == (["line", 1, "messages", *loc], True), error.msg


def test_many_turns_with_a_system_message_and_tools_are_kept() -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        *ASKED,
        {"role": "user", "content": "Weather?"},
        {"role": "tool", "content": "20 °C"},
        {"role": "assistant", "content": "Warm."},
    ]

    assert taken(lines({"messages": said})).rows == [{"messages": said}]


# Preferences.


def test_preferences_may_be_whole_conversations() -> None:
    row = {"chosen": ASKED, "rejected": [ASKED[0], {"role": "assistant", "content": "Ag"}]}

    assert taken(lines(row)).rows == [{"prompt": "Gold?", "chosen": "Au", "rejected": "Ag"}]


def test_a_prompt_of_several_turns_stays_a_conversation() -> None:
    before = [{"role": "system", "content": "Be brief."}, ASKED[0]]
    worse = {"role": "assistant", "content": "Ag"}
    row = {"chosen": [*before, ASKED[1]], "rejected": [*before, worse]}

    assert taken(lines(row)).rows == [{"prompt": before, "chosen": "Au", "rejected": "Ag"}]


def test_answers_may_be_single_messages_beside_a_prompt() -> None:
    row = {"prompt": [ASKED[0]], "chosen": [ASKED[1]], "rejected": "Ag"}

    assert taken(lines(row)).rows == [{"prompt": "Gold?", "chosen": "Au", "rejected": "Ag"}]


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"rejected": "Au"}, "rejected", "is the same as"),
        ({"rejected": ""}, "rejected", "is empty"),
        ({"chosen": [ASKED[0]]}, "chosen", "does not end with"),
        ({"chosen": ASKED}, "rejected", "answers another conversation"),
        ({"prompt": ""}, "prompt", "is empty"),
    ],
)
def test_what_is_wrong_with_a_preference_is_said(
    change: dict[str, Any], column: str, words: str
) -> None:
    (error,) = refused(lines({"prompt": "Gold?", "chosen": "Au", "rejected": "Ag"} | change))

    assert (error.loc, words in error.msg) == (["line", 1, column], True), error.msg
