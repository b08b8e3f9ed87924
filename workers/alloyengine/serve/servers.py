"""The servers that a model can be handed to, as commands. Both speak OpenAI's protocol and answer /health."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Listening:
    host: str
    port: int


Command = Callable[[str, Listening], list[str]]
"""To serve the model in a folder. The folder's name is what answers call the model."""


def _transformers(model: str, at: Listening) -> list[str]:
    where = ["--host", at.host, "--port", str(at.port)]
    return [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", model, *where]


def _vllm(model: str, at: Listening) -> list[str]:
    where = ["--host", at.host, "--port", str(at.port), "--served-model-name", model]
    return ["vllm", "serve", f"./{model}", *where, "--disable-log-requests"]


SERVERS: Mapping[str, Command] = {"transformers": _transformers, "vllm": _vllm}

# Neither of them asks anybody about models, or tells anybody of its use.
OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
