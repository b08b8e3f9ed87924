"""Makes a tokenizer.json for a model that has only the files of an older kind of tokenizer."""

import json
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError


def rebuilt(folder: Path) -> dict[str, Any]:
    """What transformers makes of tokenizer.model, or of vocab.json and merges.txt."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        text = tokenizer.backend_tokenizer.to_str()
    except Exception as error:  # noqa: BLE001, the converters below raise errors of many kinds
        reason = f"{type(error).__name__}: {error}".replace(str(folder), folder.name)
        raise InputError(
            "tokenizer_unreadable",
            f"No tokenizer.json can be made of the tokenizer's files ({reason[:300]}).",
            "Save the tokenizer with transformers, and add the tokenizer.json that comes out.",
        ) from None
    document: dict[str, Any] = json.loads(text)
    return document
