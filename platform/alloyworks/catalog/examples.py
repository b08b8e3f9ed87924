"""The first examples of a dataset as a model is given them: which tokens it would learn."""

import tempfile
from pathlib import Path
from typing import TypedDict
from uuid import UUID

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import apart, datasets, heads, versions

ROWS = 4


class Piece(TypedDict):
    text: str
    more: int  # characters that are not shown
    trained: bool
    cut: bool  # beyond the longest example


class Example(TypedDict):
    title: str
    pieces: list[Piece]
    tokens: int
    trained: int
    cut: int
    alarm: str  # empty when nothing is wrong


def examples(
    principal: Principal, dataset_id: UUID, model_id: UUID, objective: str, longest: int
) -> list[Example]:
    """By the engine, as training by this objective would see them, cut to `longest` tokens.

    Invalid when it can't, in its words.
    """
    dataset = datasets.get(principal, dataset_id)
    model = versions.get(principal, model_id)
    with tempfile.TemporaryDirectory(prefix="alloy-examples-") as name:
        folder = Path(name)
        heads.fetch_model(model, folder / "model")
        heads.fetch_rows(dataset, folder / heads.TRAIN, ROWS)
        wanted = {"objective": objective, "max_length": longest, "rows": ROWS}
        found: list[Example] = apart.ask("alloyengine.train.examples", folder, wanted)
    return found
