"""What is wrong with a file, line by line."""

from collections.abc import Sequence

from alloyworks.errors import FieldError, Invalid, invalid

MOST = 100
"""Reading stops at so many faults: the file is refused anyway."""
_CLIPPED = 80

Loc = Sequence[str | int]


class RowFault(Exception):
    """Why one row can't be used; `loc` begins inside the row."""

    def __init__(self, loc: Loc, msg: str, remedy: str) -> None:
        super().__init__(msg)
        self.loc, self.msg, self.remedy = loc, msg, remedy


class Faults:
    """Collects faults; raises Invalid when there are too many, or at the end when there are any."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, line: int, msg: str, remedy: str, loc: Loc = ()) -> None:
        self.found.append(FieldError(["line", line, *loc], msg, remedy))
        if len(self.found) == MOST:
            self.check(f"{MOST} or more faults")

    def add_row(self, line: int, fault: RowFault) -> None:
        self.add(line, fault.msg, fault.remedy, fault.loc)

    def check(self, count: str = "") -> None:
        """Raises Invalid when anything was found."""
        if self.found:
            one = len(self.found) == 1
            count = count or f"{len(self.found)} fault{'' if one else 's'}"
            raise Invalid(f"The file has {count}; nothing of it was stored.", self.found)


def refuse_file(msg: str, remedy: str) -> Invalid:
    """The whole file can't be used, whatever line."""
    return invalid(["file"], msg, remedy)


def refuse_line(line: int, msg: str, remedy: str) -> Invalid:
    """A fault after which the rest of the file can't be understood."""
    return Invalid(f"Line {line} {msg}.", [FieldError(["line", line], msg, remedy)])


def shown(value: object) -> str:
    """A value as an error quotes it, however long it is."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    words = repr(value[:_CLIPPED] if isinstance(value, str) else value)
    return words if len(words) <= _CLIPPED else words[:_CLIPPED] + "…"
