"""Shows a platform how a model sees a dataset: `python -m alloyengine.train.examples FOLDER`.

FOLDER holds request.json ({"objective", "max_length", "rows"}), train.jsonl, and in model/ the files
of the tokenizer. Prints JSON: the examples, or with exit code 3 {"place", "message", "remedy"}. A
process of its own with little memory and time, because strangers' files are read here.
"""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.safety import check_folder
from alloyengine.errors import InputError
from alloyengine.spec.objective import objective_called
from alloyengine.train.preview import Piece, Shown, preview

REFUSED = 3
_MEMORY = 4 * 1024**3  # of data: the libraries' code is mapped, and does not count
_SECONDS = 60
_LONGEST = 20_000  # characters of a piece that are shown
_PIECES = (
    2_000  # of an example that are shown; a row of megabytes may change between them at every word
)


def main(folder: Path) -> int:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with redirect_stdout(sys.stderr):  # libraries talk, too
        try:
            answer, code = [told(shown) for shown in examples(folder)], 0
        except InputError as error:
            place = "dataset" if error.code.startswith(("dataset", "pair")) else "model"
            answer, code = _refusal(place, error.message, error.remedy), REFUSED
        except Exception as error:  # noqa: BLE001  # tokenizers and templates raise anything
            reason = " ".join(str(error).replace(str(folder), "").split())[:300]
            message = f"The model's tokenizer or chat template can't be used: {reason}"
            answer, code = _refusal("model", message, "Choose another model."), REFUSED
    sys.stdout.write(json.dumps(answer))
    return code


def examples(folder: Path) -> list[Shown]:
    """InputError when the model is not safe to open, or a row can't be read."""
    check_folder(folder / "model")
    from transformers import AutoTokenizer

    wanted = json.loads((folder / "request.json").read_bytes())
    objective = objective_called(wanted["objective"])
    tokenizer = AutoTokenizer.from_pretrained(folder / "model", local_files_only=True)
    return preview(
        folder / "train.jsonl", tokenizer, objective, wanted["max_length"], wanted["rows"]
    )


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


def _refusal(place: str, message: str, remedy: str) -> Any:
    return {"place": place, "message": message, "remedy": remedy}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
