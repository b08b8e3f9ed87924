"""Writes a draft down as a tokenizer.json.

A union must tokenize text: tokens that another model learnt go into the model's vocabulary, and
byte-pair merges that lead to them behind the lead's own. So text in which none of them occurs is
split just as the lead splits it, and a tokenizer that was extended by training gives the same
tokens as before. (As added tokens they would tear words apart wherever their text occurs, or, in
the spelling of byte-level models, never be found at all.)
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.draft import Draft, texts_by_id
from alloyengine.merge.tokenizer.lexicon import FILE, Json, Lexicon

_SPECIAL_SCORE = 0.0  # of added tokens in a list of pieces: they are found before it is looked at


def make_document(draft: Draft) -> Json:
    """The lead's tokenizer.json with the draft's tokens instead of its own."""
    source = draft.lead.document
    _check_needs(draft.lead)
    added = sorted(draft.added.values(), key=lambda entry: int(entry["id"]))
    document = source | {"added_tokens": added, "model": _model(draft)}
    match source.get("padding"):
        case {"pad_token": str() as token} if token in draft.lead.dropped:
            document["padding"] = None
    return document


def _check_needs(lead: Lexicon) -> None:
    """InputError when the tokenizer can't do without a token that has no embedding."""
    model, ids = lead.document["model"], set(lead.ids.values())
    needed = json.dumps(lead.document.get("post_processor"))
    for token in lead.dropped:
        if json.dumps(token) in needed or token == model.get("unk_token"):
            raise _needed(lead, repr(token))
    unknown = model.get("unk_id")
    if lead.kind == "Unigram" and isinstance(unknown, int) and unknown not in ids:
        raise _needed(lead, f"piece {unknown}")


def _needed(lead: Lexicon, token: str) -> InputError:
    return InputError(
        "tokenizer_damaged",
        f"{FILE} of {lead.model} needs {token}, for which the model has no embedding.",
        "Choose the tokenizer of another model.",
    )


def _model(draft: Draft) -> Json:
    """The part of the file that holds vocabulary and merges."""
    model: Json = draft.lead.document["model"]
    kept = _kept(draft)
    if kept is None:
        return model
    if draft.lead.kind == "Unigram":
        return model | {"vocab": _pieces(draft, kept)}
    changed: Json = {"vocab": kept}
    if draft.lead.kind == "BPE":
        changed["merges"] = list(_merges(draft, kept))
    return model | changed


def _kept(draft: Draft) -> dict[str, int] | None:
    """The tokens of the vocabulary proper; None if the lead's is as it was.

    With new ones in it all added tokens are, too: otherwise the tokenizers library would number
    the added tokens anew, behind them.
    """
    if draft.learnt:
        return draft.ids
    proper = _proper(draft.lead)
    if not proper.keys() & draft.lead.dropped:
        return None if _numbered(draft, len(proper)) else draft.ids
    return {token: i for token, i in proper.items() if token in draft.lead.ids}


def _proper(lead: Lexicon) -> Mapping[str, int]:
    vocab = lead.document["model"]["vocab"]
    return vocab if isinstance(vocab, dict) else {piece: i for i, (piece, _) in enumerate(vocab)}


def _numbered(draft: Draft, size: int) -> bool:
    """Whether added tokens get the ids they have, from a library that counts on from `size`."""
    new = sorted(entry["id"] for token, entry in draft.added.items() if token not in draft.lead.ids)
    old = [entry["id"] for token, entry in draft.added.items() if token in draft.lead.ids]
    end = max(size, 1 + max(old, default=-1))
    return new == list(range(end, end + len(new)))


def _pieces(draft: Draft, kept: Mapping[str, int]) -> list[list[Any]]:
    """Of a Unigram model: pieces with their scores, at the places that are their ids."""
    scores: dict[str, float] = {}
    for one in (draft.lead, *(donor for donor in draft.donors if donor.kind == "Unigram")):
        for piece, score in one.document["model"]["vocab"]:
            scores.setdefault(piece, score)
    lowest = min(scores.values(), default=0.0)
    texts = texts_by_id(kept, max(kept.values()) + 1)
    return [
        [f"<row {i}>", lowest]
        if text is None
        else [text, _SPECIAL_SCORE if text in draft.added else scores.get(text, lowest)]
        for i, text in enumerate(texts)
    ]


def _merges(draft: Draft, kept: Mapping[str, int]) -> Iterator[list[str]]:
    """The lead's merges, then those of the others that lead to tokens it had not."""
    new = set(draft.learnt)
    for left, right, result in _read_merges(draft.lead):
        if left in kept and right in kept and result in kept:
            yield [left, right]
    done = set()
    for donor in draft.donors:
        if donor.kind == "BPE" and spelling(donor) == spelling(draft.lead):
            for left, right, result in _read_merges(donor):
                if result in new and (left, right) not in done and left in kept and right in kept:
                    done.add((left, right))
                    yield [left, right]


def _read_merges(one: Lexicon) -> Iterator[tuple[str, str, str]]:
    """Left, right and what they become; in a file they are a pair or one text with a space."""
    model = one.document["model"]
    prefix = str(model.get("continuing_subword_prefix") or "")
    merges = model.get("merges")
    for merge in merges if isinstance(merges, list) else [merges]:
        match merge.split(" ") if isinstance(merge, str) else merge:
            case [str() as left, str() as right]:
                yield left, right, left + right.removeprefix(prefix)
            case _:
                raise InputError(
                    "tokenizer_damaged",
                    f"{FILE} of {one.model}: {str(merge)[:80]!r} is no merge of two tokens.",
                    "Use a tokenizer.json that transformers can load.",
                )


def spelling(one: Lexicon) -> tuple[bool, str, str]:
    """How tokens are written: with a letter for each byte or not, with what at their ends."""
    parts = json.dumps([one.document.get("pre_tokenizer"), one.document.get("decoder")])
    model = one.document["model"]
    prefix, suffix = model.get("continuing_subword_prefix"), model.get("end_of_word_suffix")
    return '"ByteLevel"' in parts, str(prefix or ""), str(suffix or "")
