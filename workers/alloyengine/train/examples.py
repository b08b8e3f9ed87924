"""Shows a platform how a model sees a dataset: `python -m alloyengine.train.examples FOLDER`.

FOLDER holds request.json ({"objective", "max_length", "rows"}), train.jsonl, and in model/ the files
of the tokenizer. See `alloyengine.apart` for what it prints.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alloyengine.apart import answer
from alloyengine.checkpoint.safety import check_folder
from alloyengine.spec.objective import objective_called
from alloyengine.train.preview import Piece, Shown, preview

_LONGEST = 20_000  # characters of a piece that are shown
_PIECES = (
    2_000  # of an example that are shown; a row of megabytes may change between them at every word
)


def examples(folder: Path) -> list[dict[str, Any]]:
    """InputError when the model is not safe to open, or a row can't be read."""
    check_folder(folder / "model")
    from transformers import AutoTokenizer

    wanted = json.loads((folder / "request.json").read_bytes())
    objective = objective_called(wanted["objective"])
    tokenizer = AutoTokenizer.from_pretrained(folder / "model", local_files_only=True)
    rows, longest = folder / "train.jsonl", wanted["max_length"]
    return [told(shown) for shown in preview(rows, tokenizer, objective, longest, wanted["rows"])]


def told(shown: Shown) -> dict[str, Any]:
    return {
        "title": shown.title,
        "pieces": list(_pieces(shown.pieces)),
        "tokens": shown.tokens,
        "trained": shown.trained,
        "cut": shown.cut,
        "alarm": shown.alarm,
    }


def _pieces(pieces: tuple[Piece, ...]) -> Iterator[dict[str, Any]]:
    for piece in pieces[:_PIECES]:
        yield _piece(piece.text[:_LONGEST], len(piece.text), piece.trained, piece.cut)
    if rest := pieces[_PIECES:]:
        yield _piece("", sum(len(piece.text) for piece in rest), False, rest[0].cut)


def _piece(text: str, length: int, trained: bool, cut: bool) -> dict[str, Any]:
    return {"text": text, "more": length - len(text), "trained": trained, "cut": cut}


if __name__ == "__main__":
    sys.exit(answer(examples, Path(sys.argv[1])))
