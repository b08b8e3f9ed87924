"""What a model folder may not hold: code, pickles, and ways out of the folder."""

import json
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError

_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}
_CODE = {".py", ".pyc", ".so"}
_LONGEST_JSON = 50_000_000


def check_folder(folder: Path) -> None:
    """InputError names the first file that has no place in a model folder."""
    if not folder.is_dir():
        raise InputError("model_missing", f"There is no model folder {folder.name!r}.")
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.resolve().is_relative_to(root):
            raise InputError(
                "model_link",
                f"{path.name} is a link that leaves the model folder.",
                "Copy the folder with links followed (cp -rL).",
            )
        _check_kind(path)
        if path.name.endswith("config.json"):
            _check_config(path)


def _check_kind(path: Path) -> None:
    if path.suffix in _PICKLES:
        raise InputError(
            "model_pickle",
            f"{path.name} is a pickle: loading it could run code.",
            "Save the model as safetensors, and leave the pickle out.",
        )
    if path.suffix in _CODE:
        raise InputError(
            "model_code",
            f"{path.name} is program code; models that bring their own code are not run.",
            "Use an architecture that transformers knows, and leave the code out.",
        )


def _check_config(path: Path) -> None:
    if _mentions(read_json(path), "auto_map"):
        raise InputError(
            "model_code",
            f"{path.name} asks for code of its own (auto_map).",
            "Use an architecture that transformers knows, and remove auto_map.",
        )


def _mentions(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_mentions(inner, key) for inner in value.values())
    return isinstance(value, list) and any(_mentions(inner, key) for inner in value)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of reasonable size, or InputError."""
    if not path.is_file():
        raise InputError("model_incomplete", f"{path.name} is missing.", "Add it to the folder.")
    if path.stat().st_size > _LONGEST_JSON:
        raise InputError("model_damaged", f"{path.name} is larger than {_LONGEST_JSON} bytes.")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError("model_damaged", f"{path.name} is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InputError("model_damaged", f"{path.name} does not hold a JSON object.")
    return value
