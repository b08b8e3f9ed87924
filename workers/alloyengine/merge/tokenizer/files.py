"""The files of the result's tokenizer, and what config.json says of its special tokens."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.companions import NAMES
from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.document import make_document
from alloyengine.merge.tokenizer.draft import Draft
from alloyengine.merge.tokenizer.lexicon import CONFIG, FILE, Json, Lexicon

_MODEL_CONFIGS = ("config.json", "generation_config.json")
_TOKENIZER = tuple(name for name in NAMES if name not in _MODEL_CONFIGS)
_MAP = "special_tokens_map.json"
_TEMPLATES = ("chat_template.jinja", "chat_template.json")


@dataclass(frozen=True)
class Files:
    """Some are copied as they are, the others are made anew."""

    source: Path
    copied: tuple[str, ...]
    written: Mapping[str, bytes]
    special: Mapping[str, Any]  # what the result's generation_config.json is to say differently

    def save(self, folder: Path) -> None:
        """Other files of tokenizers in the folder are removed: they would tell another story."""
        for name in _TOKENIZER:
            (folder / name).unlink(missing_ok=True)
        for name in self.copied:
            shutil.copyfile(self.source / name, folder / name)
        for name, content in self.written.items():
            (folder / name).write_bytes(content)
        generation = folder / "generation_config.json"
        if self.special and generation.is_file():
            generation.write_bytes(as_bytes(read_json(generation) | dict(self.special)))


def make_files(draft: Draft, special: Mapping[str, Any]) -> Files:
    """Nothing is written yet. InputError when no tokenizer can be made."""
    source = draft.lead.folder
    there = tuple(name for name in _TOKENIZER if (source / name).is_file())
    if FILE in there and not draft.changed:
        return Files(source, there, {}, special)
    written = {FILE: as_bytes(make_document(draft), indent=None)}  # large: without spaces
    for name in (CONFIG, _MAP):
        if name in there:
            written[name] = as_bytes(_rewritten(read_json(source / name), draft))
    kept = tuple(name for name in there if name in _TEMPLATES)
    return Files(source, kept, written, special)


def as_bytes(content: Json, indent: int | None = 2) -> bytes:
    """InputError when a text in it is no valid Unicode, which JSON can say and UTF-8 can't."""
    separators = (",", ": " if indent else ":")
    text = json.dumps(content, ensure_ascii=False, indent=indent, separators=separators)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:
        raise InputError(
            "tokenizer_damaged",
            "The tokenizer's files hold text that is no valid Unicode.",
            "Use files that transformers has saved.",
        ) from None


def _rewritten(config: Json, draft: Draft) -> Json:
    """Names no token that is gone, and lists the added tokens where they were listed."""
    kept = {key: _without(value, draft.lead.dropped) for key, value in config.items()}
    kept = {key: value for key, value in kept.items() if value is not None or config[key] is None}
    if "added_tokens_decoder" in config:
        entries = sorted(draft.added.values(), key=lambda entry: int(entry["id"]))
        kept["added_tokens_decoder"] = {
            str(entry["id"]): {key: value for key, value in entry.items() if key != "id"}
            for entry in entries
        }
    return kept


def _without(value: Any, dropped: frozenset[str]) -> Any:
    """The value without tokens that were dropped; None if it was one."""
    if isinstance(value, list):
        return [item for item in value if _without(item, dropped) is not None]
    text = value.get("content") if isinstance(value, dict) else value
    if isinstance(text, str):
        return None if text in dropped else value
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if _without(item, dropped) is not None}
    return value


def special_ids(lead: Lexicon, like: Lexicon) -> dict[str, Any]:
    """What `config.json` and `generation_config.json` of `like` are to say of special tokens.

    Only what has to change: the ids that the lead's own files give, as far as they have a row.
    """
    ours, theirs = _declared(lead), _declared(like)
    rows = set(lead.ids.values())
    ours = {name: _backed(value, rows) for name, value in ours.items()}
    return {name: value for name, value in ours.items() if value != theirs[name]}


def _declared(one: Lexicon) -> dict[str, Any]:
    configs = [
        read_json(one.folder / name) for name in _MODEL_CONFIGS if (one.folder / name).is_file()
    ]
    found: dict[str, Any] = {}
    for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
        values = [config[key] for config in configs if config.get(key) is not None]
        found[key] = values[-1] if values else None
    return found


def _backed(value: Any, rows: set[int]) -> Any:
    """The id, or those of several, that have a row."""
    several = value if isinstance(value, list) else [value]
    kept = [item for item in several if isinstance(item, int) and item in rows]
    return (kept if isinstance(value, list) else kept[0]) if kept else None
