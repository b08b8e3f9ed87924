"""The small files beside the weights: config, tokenizer, chat template."""

import json
import shutil
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.safety import read_json

_CONFIGS = ("generation_config.json",)
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
NAMES = ("config.json", *_CONFIGS, *_TOKENIZER)


def copy_companions(source: Path, out: Path, config: dict[str, Any] | None = None) -> None:
    """Copies what `source` has of them; `config`, if given, is written in place of its config."""
    written = read_json(source / "config.json") if config is None else config
    (out / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    for name in (*_CONFIGS, *_TOKENIZER):
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
