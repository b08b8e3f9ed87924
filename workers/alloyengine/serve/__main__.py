"""`python -m alloyengine.serve`: fetches a model, then becomes its server. Told by the environment:

ALLOY_SERVE_URL          the platform
ALLOY_SERVE_TOKEN_FILE   holds the token of this one launch
ALLOY_SERVE_SCRATCH      a folder for it alone; whoever started it removes the folder
ALLOY_SERVE_HOST, _PORT  where it listens
ALLOY_SERVE_ENGINE       transformers or vllm
"""

import os
import sys
from pathlib import Path

import httpx

from alloyengine.errors import TransferError
from alloyengine.retry import persistently
from alloyengine.runner import limits
from alloyengine.runner.fetch import fetch_file
from alloyengine.serve.servers import OFFLINE, SERVERS, Listening
from alloyengine.spec.protocol import RemoteFile, ServedModel

_STALE = 3
_PATIENCE = 300.0  # seconds, for the platform
_MODEL = "model"


def main() -> None:
    """Returns only when there is nothing to serve."""
    scratch = Path(_setting("ALLOY_SERVE_SCRATCH"))
    command = SERVERS[os.environ.get("ALLOY_SERVE_ENGINE") or "transformers"]
    at = Listening(
        os.environ.get("ALLOY_SERVE_HOST", "127.0.0.1"), int(_setting("ALLOY_SERVE_PORT"))
    )
    token = Path(_setting("ALLOY_SERVE_TOKEN_FILE")).read_text().strip()
    try:
        model = _asked(_setting("ALLOY_SERVE_URL"), token)
        _fetch(model.files, scratch / _MODEL)
    except httpx.HTTPStatusError as error:
        if error.response.status_code in (401, 409):  # it was put to sleep, or launched anew
            sys.exit(_STALE)
        sys.exit(f"The platform answers {error.response.status_code}.")
    except (httpx.HTTPError, TransferError) as error:
        why = error if isinstance(error, TransferError) else type(error).__name__
        sys.exit(f"The model can't be fetched: {why}")
    limits.keep()
    os.chdir(scratch)
    words = command(_MODEL, at)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALLOY_")}
    os.execvpe(words[0], words, {**kept, **OFFLINE})  # noqa: S606  # no shell


def _asked(url: str, token: str) -> ServedModel:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=20) as http:

        def ask() -> ServedModel:
            answer = http.get("/serving/v1/model")
            answer.raise_for_status()
            return ServedModel.model_validate_json(answer.content)

        return persistently(ask, _PATIENCE, lambda: None)


def _fetch(files: list[RemoteFile], folder: Path) -> None:
    """Each byte checked. Raises TransferError."""
    with httpx.Client(timeout=60) as http:
        for file in files:
            fetch_file(http, file, folder / file.path, lambda: None)


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set; the executor that starts the server sets it")
    return value


if __name__ == "__main__":
    main()
