"""What a tokenizer's files say in short: how many tokens, which special ones, which chat template.

Reads at most some megabytes. Files that are not as they should be say nothing here; whoever needs
the tokenizer itself (`merge.tokenizer`) says what is wrong with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.spec.result import SpecialToken, VocabularyFacts

FILE, CONFIG, MAP = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
TEMPLATE, OLDER_TEMPLATE = "chat_template.jinja", "chat_template.json"
SPECIAL = ("bos", "eos", "pad", "unk")
_LONGEST_TEMPLATE, _LONGEST_TOKEN, _MOST_TOKENS = 1_000_000, 200, 1 << 24

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Tokens:
    vocabulary: VocabularyFacts | None = None
    special: dict[str, SpecialToken] = field(default_factory=dict)
    chat_template: str | None = None


def tokens_of(folder: Path, config: Json) -> Tokens:
    """`config` is the model's own."""
    ids = ids_of(folder)
    named = _read(folder / MAP) | _read(folder / CONFIG)
    template = _template(folder, named)
    return Tokens(
        vocabulary=VocabularyFacts(tokens=len(ids), digest=_digest(ids)) if ids else None,
        special=_special(named, config, ids),
        chat_template=sha256(template.strip().encode()).hexdigest() if template else None,
    )


def ids_of(folder: Path) -> dict[str, int]:
    """The id of every token, added ones included; empty when the tokenizer is not the usual file."""
    return _ids(_read(folder / FILE))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_json(path) if path.is_file() else {}
    except InputError:
        return {}


def _ids(document: Json) -> dict[str, int]:
    """Empty when the file is not the usual one."""
    model = document.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    match vocab:
        case dict():
            ids = dict(vocab)
        case list():  # Unigram: pieces with their scores
            ids = {item[0]: i for i, item in enumerate(vocab) if _is_piece(item)}
        case _:
            return {}
    added = document.get("added_tokens")
    for entry in added if isinstance(added, list) else ():
        match entry:
            case {"content": str(text), "id": int(number)}:
                ids[text] = number
    fine = set(map(type, ids.values())) <= {int} and len(ids) < _MOST_TOKENS
    return ids if fine else {}


def _is_piece(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and isinstance(item[0], str)


def _digest(ids: Mapping[str, int]) -> str:
    """Whatever the order in which the file lists them."""
    ordered = sorted(ids, key=ids.__getitem__)
    digest = sha256("\0".join(ordered).encode(errors="surrogatepass"))
    digest.update(repr([ids[token] for token in ordered]).encode())
    return digest.hexdigest()


def _special(named: Json, config: Json, ids: Mapping[str, int]) -> dict[str, SpecialToken]:
    """The tokenizer names the text, the vocabulary or else the config the id."""
    found = {}
    for name in SPECIAL:
        given = named.get(f"{name}_token")
        text = given.get("content") if isinstance(given, dict) else given
        text = text[:_LONGEST_TOKEN] if isinstance(text, str) and text.isprintable() else None
        number = ids.get(text or "", _first(config.get(f"{name}_token_id")))
        if text is not None or number is not None:
            found[name] = SpecialToken(text=text, id=number)
    return found


def _first(value: Any) -> int | None:
    """Configs may give several ids that end an answer."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def _template(folder: Path, named: Json) -> str | None:
    """From whichever file transformers would take it."""
    path = folder / TEMPLATE
    if path.is_file() and path.stat().st_size <= _LONGEST_TEMPLATE:
        return path.read_text("utf-8", errors="replace")
    older = _read(folder / OLDER_TEMPLATE)
    return _default(named.get("chat_template")) or _default(older.get("chat_template"))


def _default(value: Any) -> str | None:
    """Of several templates, `[{name, template}, ...]`, the default one."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and item.get("name") == "default":
            value = item.get("template")
    return value if isinstance(value, str) else None
