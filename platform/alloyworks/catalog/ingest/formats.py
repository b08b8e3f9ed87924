"""Which of the known formats a file has, found by its columns, and how its rows become examples."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from alloyworks.catalog.ingest.chat import conversation, text_of
from alloyworks.catalog.ingest.faults import RowFault, refuse_line, shown
from alloyworks.catalog.ingest.preference import preference
from alloyworks.catalog.models import DatasetFormat

Values = Mapping[str, Any]
Example = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """A format, the columns that show it, and what makes an example of a row (or RowFault)."""

    format: DatasetFormat
    columns: tuple[str, ...]
    example: Callable[[Values], Example]


def chat(column: str) -> Shape:
    return Shape(
        DatasetFormat.CHAT,
        (column,),
        lambda row: {"messages": conversation(row.get(column), column)},
    )


def pair(question: str, answer: str) -> Shape:
    def example(row: Values) -> Example:
        return {"prompt": text_of(row, question), "completion": text_of(row, answer)}

    return Shape(DatasetFormat.PROMPT, (question, answer), example)


def instruction(answer: str, extra: str) -> Shape:
    def example(row: Values) -> Example:
        given = row.get(extra)
        if given is not None and not isinstance(given, str):
            raise RowFault([extra], f"is {shown(given)}, not a text", "Write a text in quotes.")
        return {
            "instruction": text_of(row, "instruction"),
            "input": given or "",
            "output": text_of(row, answer),
        }

    return Shape(DatasetFormat.INSTRUCTION, ("instruction", answer), example)


# The first that fits: richer formats stand before those whose columns they contain.
SHAPES = (
    Shape(DatasetFormat.PREFERENCE, ("chosen", "rejected"), preference),
    chat("messages"),
    chat("conversations"),
    instruction("output", "input"),
    instruction("response", "context"),
    pair("prompt", "completion"),
    pair("prompt", "response"),
    pair("question", "answer"),
    pair("input", "output"),
    Shape(DatasetFormat.TEXT, ("text",), lambda row: {"text": text_of(row, "text")}),
)


def detect(line: int, columns: Collection[str]) -> Shape:
    """The shape of the file, by its first row. Raises Invalid with what was found and expected."""
    for shape in SHAPES:
        if set(shape.columns) <= set(columns):
            return shape
    found = ", ".join(sorted(columns))[:200] or "none"
    known = "; ".join(" and ".join(shape.columns) for shape in SHAPES)
    raise refuse_line(line, f"has no columns that we know: {found}", f"Use one of: {known}.")
