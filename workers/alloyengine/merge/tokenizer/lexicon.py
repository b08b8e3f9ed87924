"""Reads a model's tokens and their ids out of its tokenizer's files, and trusts none of them.

The ids are those that the tokenizers library gives, which everybody runs: a token of the model's
vocabulary has the id written there; an added token that is not in it comes after all others.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from filecmp import cmp
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.rebuild import rebuilt

Json = dict[str, Any]

FILE = "tokenizer.json"
CONFIG = "tokenizer_config.json"
_READ = (FILE, CONFIG, "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model")
_KINDS = ("BPE", "Unigram", "WordLevel", "WordPiece")
_SPECIAL = (  # in the order in which transformers adds them
    *(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")),
    *("additional_special_tokens", "extra_special_tokens"),
)
_TOO_LARGE = 1 << 24
_REMEDY = "Load the tokenizer with transformers, save it again, and use the files that come out."


@dataclass(frozen=True)
class Lexicon:
    """The tokens of a model that have a row in its embedding."""

    model: str
    folder: Path
    document: Json  # tokenizer.json as it is, with the tokens that have no row
    ids: Mapping[str, int]  # added tokens included
    added: Mapping[str, Json]  # tokens found in the text before it is split: how
    dropped: frozenset[str]  # tokens without a row
    rows: int | None  # of the embedding; None if the model takes no part in the merge

    @property
    def kind(self) -> str:
        return str(self.document["model"]["type"])

    @property
    def end(self) -> int:
        """The id after the last."""
        return max(self.ids.values()) + 1


def read_lexicons(
    folders: Mapping[str, Path], rows: Mapping[str, int], first: str
) -> dict[str, Lexicon]:
    """Every model's tokens, `first`'s before the others'. Equal files are read once.

    A model without a tokenizer shares that of one whose embedding has as many rows.
    """
    found = {first: read_lexicon(first, folders[first], rows.get(first))}
    for model, folder in folders.items():
        if model not in found:
            count = rows.get(model)
            twin = next((one for one in found.values() if _same(one, folder, count)), None)
            found[model] = (
                replace(twin, model=model, folder=folder)
                if twin is not None
                else read_lexicon(model, folder, count)
            )
    return found


def _same(known: Lexicon, folder: Path, rows: int | None) -> bool:
    if known.rows != rows:
        return False
    alike = all(_equal(known.folder / name, folder / name) for name in _READ)
    return alike or not has_tokenizer(folder)


def _equal(one: Path, other: Path) -> bool:
    if one.is_file() and other.is_file():
        return cmp(one, other, shallow=False)
    return not one.is_file() and not other.is_file()


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (FILE, "tokenizer.model", "vocab.json"))


def read_lexicon(model: str, folder: Path, rows: int | None) -> Lexicon:
    """InputError says what is wrong with the tokenizer's files."""
    if not has_tokenizer(folder):
        raise InputError(
            "tokenizer_missing",
            f"{model} has no tokenizer, and no other model's fits its embedding.",
            f"Put its {FILE} into the folder.",
        )
    document = read_json(folder / FILE) if (folder / FILE).is_file() else rebuilt(folder)
    try:
        vocab = _vocabulary(document)
        added = _added(document, _config(folder), vocab)
    except _Wrong as error:
        raise InputError("tokenizer_damaged", f"{FILE} of {model}: {error}.", _REMEDY) from None
    ids = vocab | {token: entry["id"] for token, entry in added.items()}
    dropped = frozenset(token for token, i in ids.items() if rows is not None and i >= rows)
    if len(dropped) == len(ids):
        raise InputError("tokenizer_damaged", f"No token of {model} has an embedding.", _REMEDY)
    if dropped:
        ids = {token: i for token, i in ids.items() if token not in dropped}
        added = {token: entry for token, entry in added.items() if token not in dropped}
    return Lexicon(model, folder, document, ids, added, dropped, rows)


class _Wrong(Exception):
    """What a tokenizer's file may not say."""


def _config(folder: Path) -> Json:
    return read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}


def _vocabulary(document: Json) -> dict[str, int]:
    """Of the tokenizer's model, without added tokens."""
    model = document.get("model")
    if not isinstance(model, dict) or model.get("type") not in _KINDS:
        kind = model.get("type") if isinstance(model, dict) else model
        raise _Wrong(f"its model is of type {kind!r}, not one of {', '.join(_KINDS)}")
    vocab = model.get("vocab")
    if model["type"] == "Unigram":
        vocab = {piece: i for i, piece in enumerate(_pieces(vocab))}
    if not isinstance(vocab, dict):
        raise _Wrong("its vocabulary is not a mapping of tokens to ids")
    check_ids(vocab)
    return vocab


def _pieces(vocab: Any) -> Iterator[str]:
    if not isinstance(vocab, list):
        raise _Wrong("its vocabulary is not a list of pieces with scores")
    seen = set()
    for item in vocab:
        match item:
            case [str() as piece, int() | float()] if piece not in seen:
                seen.add(piece)
                yield piece
            case _:
                raise _Wrong(f"{str(item)[:80]!r} is no piece with a score, or is there twice")


def check_ids(vocab: Mapping[str, Any]) -> None:
    """Every token has an id of its own, and is text that can be written to a file."""
    try:
        "".join(vocab).encode()
    except UnicodeEncodeError:
        raise _Wrong("one of its tokens is no valid Unicode") from None
    ids = list(vocab.values())
    if set(map(type, ids)) - {int} or (ids and not 0 <= min(ids) <= max(ids) < _TOO_LARGE):
        token, i = next((t, i) for t, i in vocab.items() if not _is_id(i))
        raise _Wrong(f"the token {token[:80]!r} has the id {str(i)[:80]}")
    if len(set(ids)) < len(ids):
        seen: dict[int, str] = {}
        for token, i in vocab.items():
            if i in seen:
                raise _Wrong(f"{seen[i][:80]!r} and {token[:80]!r} share the id {i}")
            seen[i] = token


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < _TOO_LARGE


def _added(document: Json, config: Json, vocab: Mapping[str, int]) -> dict[str, Json]:
    """The added tokens by their text, each with `id` and flags; tokens of the config as well."""
    added: dict[str, Json] = {}
    end = len(vocab)  # the id of the next token that is not in the vocabulary
    for entry in (*_entries(document.get("added_tokens")), *_configured(config)):
        token = entry["content"]
        if entry["id"] is None and token in added:
            continue
        given = vocab.get(token, end)
        if entry["id"] not in (given, None):
            raise _Wrong(f"added token {token[:80]!r} has id {str(entry['id'])[:80]}, not {given}")
        added[token] = entry | {"id": given}
        end = max(end, given + 1)
    check_ids(dict(vocab) | {token: entry["id"] for token, entry in added.items()})
    return added


def _entries(value: Any) -> Iterator[Json]:
    if not isinstance(value, list | None):
        raise _Wrong("its added_tokens are not a list")
    for entry in value or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise _Wrong(f"{json.dumps(entry)[:80]} is not an added token")
        yield as_added(**entry)


def _configured(config: Json) -> Iterator[Json]:
    """Tokens that transformers adds when it reads tokenizer_config.json; their ids are found."""
    listed = config.get("added_tokens_decoder") or {}
    if not isinstance(listed, dict) or not all(key.isdecimal() for key in listed):
        raise _Wrong(f"added_tokens_decoder in {CONFIG} is not a mapping of ids to tokens")
    for entry in _entries([listed[key] for key in sorted(listed, key=int)]):
        yield entry | {"id": None}
    for text in special_texts(config):
        yield as_added(text, special=True)


def special_texts(config: Json) -> Iterator[str]:
    """The special tokens that tokenizer_config.json names."""
    for name in _SPECIAL:
        value = config.get(name)
        if isinstance(value, dict) and "content" not in value:
            value = list(value.values())
        for token in value if isinstance(value, list) else [value]:
            text = token.get("content") if isinstance(token, dict) else token
            if isinstance(text, str) and text:
                yield text


def as_added(content: str, id: int | None = None, **flags: Any) -> Json:  # noqa: A002
    """An entry of added_tokens; without flags the text is taken literally, wherever it stands."""
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": id, "content": content} | {name: bool(flags.get(name)) for name in names}
