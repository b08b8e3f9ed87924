"""Rows of a form that grow and shrink: the models of a recipe, the test sets of an evaluation.

The inputs of row 2 are named `<list>.2.<name>`. Buttons send `do=add.<list>` and
`do=remove.<list>.2`, so that they work without JavaScript.
"""

import re
from collections.abc import Iterable, Sequence

from django.http import QueryDict

from alloyworks.web.forms.names import typed

Row = dict[str, str]


def read(post: QueryDict, name: str, columns: Sequence[str], most: int) -> list[Row]:
    """The rows in their order; at most `most` of them."""
    known = "|".join(map(re.escape, columns))
    pattern = re.compile(rf"{re.escape(name)}\.(\d{{1,4}})\.({known})")
    found: dict[int, Row] = {}
    for key in post:
        if at := pattern.fullmatch(key):
            found.setdefault(int(at[1]), {})[at[2]] = typed(post, key)
    return [found[number] for number in sorted(found)[:most]]


def changed(rows: Sequence[Row], name: str, do: str, new: Row, most: int) -> list[Row]:
    """The rows after a button was pressed; unchanged when the button is another list's."""
    if do == f"add.{name}" and len(rows) < most:
        return [*rows, new]
    gone = re.fullmatch(rf"remove\.{re.escape(name)}\.(\d{{1,4}})", do)
    return [row for i, row in enumerate(rows) if not (gone and i == int(gone[1]))]


def padded(rows: Iterable[Row], least: int, new: Row) -> list[Row]:
    """With empty rows at the end, so that there is something to fill in."""
    given = list(rows)
    return given + [dict(new) for _ in range(least - len(given))]
