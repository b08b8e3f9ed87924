"""A question about strangers' files, answered by a process of its own with little memory and time.

It prints the answer as JSON, or with exit code 3 {"place", "message", "remedy"}: what is wrong, and with
which of the files.
"""

import json
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError

REFUSED = 3
_MEMORY = 4 * 1024**3  # of data: the libraries' code is mapped, and does not count
_SECONDS = 60
_PLACES = {"dataset": "dataset", "pair": "dataset", "too_little_memory": "tuning"}


def answer(question: Callable[[Path], Any], folder: Path) -> int:
    """The exit code. `folder` holds what the question is about."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with redirect_stdout(sys.stderr):  # libraries talk, too
        try:
            found, code = question(folder), 0
        except InputError as error:
            found, code = _refusal(_place(error.code), error.message, error.remedy), REFUSED
        except Exception as error:  # noqa: BLE001  # tokenizers and templates raise anything
            reason = " ".join(str(error).replace(str(folder), "").split())[:300]
            message = f"The model's tokenizer or chat template can't be used: {reason}"
            found, code = _refusal("model", message, "Choose another model."), REFUSED
    sys.stdout.write(json.dumps(found))
    return code


def _place(code: str) -> str:
    return next((place for start, place in _PLACES.items() if code.startswith(start)), "model")


def _refusal(place: str, message: str, remedy: str) -> dict[str, str]:
    return {"place": place, "message": message, "remedy": remedy}
