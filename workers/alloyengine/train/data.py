"""Training data: a line of JSON becomes messages (or plain text), whatever its format."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError

Messages = list[dict[str, str]]
_LONGEST = 64 << 20  # bytes of a line


def read_rows(path: Path) -> Iterator[Messages | str]:
    """Rows of a JSON Lines file, or of `train.jsonl` in a folder. InputError names the line."""
    for number, fields in lines_of(path):
        yield _row(fields, number)


def lines_of(path: Path) -> Iterator[tuple[int, Any]]:
    """What each line says, numbered from 1, without the empty ones."""
    file = path / "train.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise InputError("dataset_missing", f"There is no training data at {file.name!r}.")
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(_LONGEST), b""), start=1):
            if len(line) == _LONGEST:
                raise InputError(
                    "dataset_line_long",
                    f"Line {number} is longer than {_LONGEST >> 20} MB.",
                    "Every line is one example: put each on a line of its own.",
                )
            if line.strip():
                yield number, _parsed(line, number)


def conversation(fields: dict[str, Any]) -> Messages | str | None:
    """Messages of a chat, prompt/completion or instruction row; the text of a plain one."""
    match fields:
        case {"messages": [*messages]} if all(is_message(message) for message in messages):
            return messages
        case {"prompt": str(prompt), "completion": str(answer)}:
            return _exchange(prompt, answer)
        case {"instruction": str(instruction), "output": str(answer)}:
            extra = fields.get("input") or ""
            return _exchange(f"{instruction}\n\n{extra}" if extra else instruction, answer)
        case {"text": str(text)}:
            return text
    return None


def _parsed(line: bytes, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("dataset_json", f"Line {number} is not JSON: {error}.") from None


def _row(fields: Any, number: int) -> Messages | str:
    found = conversation(fields)
    if found is None:
        raise InputError(
            "dataset_columns",
            f"Line {number} has nothing to learn from: its fields are {_fields(fields)}.",
            "Give messages, prompt and completion, instruction and output, or text.",
        )
    return found


def _fields(value: Any) -> str:
    return ", ".join(sorted(map(str, value))) if isinstance(value, dict) else "not an object"


def is_message(message: Any) -> bool:
    match message:
        case {"role": str(), "content": str()}:
            return True
    return False


def _exchange(prompt: str, answer: str) -> Messages:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
