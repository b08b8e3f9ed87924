"""Obtains a model for the catalogue: `python -m alloyengine.checkpoint.obtain SOURCE SCRATCH`.

SOURCE is one of
    folder:PATH      a model folder, used where it lies
    hub:OWNER/NAME   downloaded to SCRATCH
    package:MODULE   an installed package that carries one GGUF file, converted to SCRATCH

The last line of stdout is JSON: {"folder", "files", "facts", "revision"}, or with exit code 3
{"code", "message", "remedy"}. A process of its own, because strangers' files are read here.
"""

import errno
import json
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.companions import NAMES
from alloyengine.checkpoint.convert import convert_gguf
from alloyengine.checkpoint.facts import facts
from alloyengine.checkpoint.hub import download
from alloyengine.checkpoint.reader import INDEX, SINGLE
from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import CapacityError, EngineError, InputError

REFUSED = 3


def main(source: str, scratch: Path) -> int:
    with redirect_stdout(sys.stderr):  # libraries talk, too
        try:
            answer, code = obtain(source, scratch), 0
        except EngineError as error:
            words = {"code": error.code, "message": error.message, "remedy": error.remedy}
            answer, code = words, REFUSED
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


def obtain(source: str, scratch: Path) -> dict[str, Any]:
    """Where the model lies now, which of its files make it up, and what it is.

    InputError when it is unsafe, incomplete, damaged or of an unknown architecture.
    """
    kind, _, name = source.partition(":")
    try:
        folder, revision = _fetch(kind, name, scratch)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise CapacityError(
            "disk_full", "The disk is full.", "Free some room, or set TMPDIR to a larger disk."
        ) from None
    found = facts(folder)
    check_loads(folder)
    return {
        "folder": str(folder.resolve()),
        "files": files(folder),
        "facts": found.model_dump(),
        "revision": revision,
    }


def files(folder: Path) -> list[str]:
    """Of a checked folder: weights and known companions. Whatever else lies there stays."""
    weights = [SINGLE]
    if (folder / INDEX).exists():
        weights = [INDEX, *sorted(set(read_json(folder / INDEX)["weight_map"].values()))]
    return [*weights, *(name for name in NAMES if (folder / name).is_file())]


def check_loads(folder: Path) -> None:
    """InputError unless transformers knows a language model of this kind, and its tokenizer."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (ValueError, OSError, LookupError, TypeError, StrictDataclassError) as error:
        reason = str(error).replace(str(folder), folder.name).splitlines()[0][:300]
        raise InputError(
            "model_unloadable",
            f"transformers can't read the model's config or tokenizer: {reason}",
            "Check config.json and the tokenizer's files.",
        ) from None
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise InputError(
            "model_kind",
            f"A model of type {config.model_type!r} does not generate text.",
            "Import a causal language model.",
        )
    if len(tokenizer) == 0:
        raise InputError("tokenizer_missing", "The tokenizer is empty.", "Add tokenizer.json.")


def _fetch(kind: str, name: str, scratch: Path) -> tuple[Path, str]:
    """The folder and, from the hub, the commit."""
    match kind:
        case "folder":
            return Path(name), ""
        case "hub":
            return scratch / "model", download(name, scratch / "model")
        case "package":
            convert_gguf(gguf_of(name), scratch / "model")
            return scratch / "model", ""
    raise InputError("source_unknown", f"{kind!r} is no kind of source.")


def gguf_of(module: str) -> Path:
    """The one GGUF file of an installed package, which is not imported for that."""
    spec = find_spec(module)
    found = [
        path
        for place in (spec.submodule_search_locations if spec else None) or ()
        for path in Path(place).rglob("*.gguf")
    ]
    if len(found) != 1:
        what = "is not installed" if spec is None else f"holds {len(found)} GGUF files, not one"
        raise InputError("package_missing", f"The package {module} {what}.", "./alloy installs it.")
    return found[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
