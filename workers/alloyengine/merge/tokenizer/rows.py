"""Where each row of each model's embedding comes from when it is moved to another vocabulary."""

from collections.abc import Iterator, Mapping, Sequence

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.draft import lexicon_of, texts_by_id
from alloyengine.merge.tokenizer.lexicon import Lexicon
from alloyengine.merge.tokenizer.vocabulary import Origins, Run
from alloyengine.spec.tokenizer import ModelToken, TokenSource, Zero

_AVERAGED = 64  # rows that stand for all of them

Own = list[int | None]
"""For each row of the new vocabulary, the row that a model has for it."""


def plan_rows(
    ids: Mapping[str, int],
    size: int,
    lead: Lexicon,
    base: str | None,
    lexicons: Mapping[str, Lexicon],
    tokens: Mapping[str, TokenSource],
) -> dict[str, tuple[Run, ...]]:
    """Every model's embedding as runs that cover the rows 0 … `size`.

    A row that a model lacks is taken from where the recipe says; else from the base; else it is
    the mean of all the models that have it. `lexicons` are those of models with an embedding.
    """
    texts = texts_by_id(ids, size)
    kept = lead.rows or 0  # rows without a token stay as far as the lead has them
    owns = {model: _own(one, texts, min(kept, size)) for model, one in lexicons.items()}
    said = {ids[token]: _said(token, entry, lexicons) for token, entry in tokens.items()}
    forced = {ids[token] for token, entry in tokens.items() if entry.force}
    lacking = {
        i for own in owns.values() if None in own for i, row in enumerate(own) if row is None
    }
    shared = {
        i: _shared(i, said.get(i), base, owns) or _padding(i, texts[i], lead)
        for i in lacking | forced
    }
    return {model: tuple(_runs(model, own, shared, forced)) for model, own in owns.items()}


def _own(one: Lexicon, texts: Sequence[str | None], kept: int) -> Own:
    own: Own = list(map(one.ids.get, texts))  # type: ignore[arg-type]  # None is no token either
    bare = [i for i in range(kept) if texts[i] is None]
    if bare and one.rows is not None:
        taken = set(one.ids.values())
        for i in bare:
            own[i] = i if i < one.rows and i not in taken else None
    return own


def _said(token: str, entry: TokenSource, lexicons: Mapping[str, Lexicon]) -> Origins | None:
    """What a recipe says about a token's embedding; None if it leaves that open."""
    match entry.source:
        case None:
            return None
        case Zero():
            return ()
        case ModelToken(model=model, token=str() as other):
            return ((model, _row(other, lexicon_of(model, lexicons))),)
        case ModelToken(model=model, token_id=int() as row):
            return ((model, _checked(row, lexicon_of(model, lexicons))),)
        case str() as model:
            return ((model, _row(token, lexicon_of(model, lexicons))),)
    raise TypeError(entry.source)


def _row(token: str, one: Lexicon) -> int:
    if token not in one.ids:
        why = "has no embedding" if token in one.dropped else "is not in its vocabulary"
        raise InputError(
            "tokenizer_token",
            f"tokenizer: {token!r} {why}: {one.model}.",
            "Name a token that the model has, spelled as in its tokenizer.json.",
        )
    return one.ids[token]


def _checked(row: int, one: Lexicon) -> int:
    if one.rows is not None and row >= one.rows:
        raise InputError(
            "tokenizer_token",
            f"tokenizer: token_id {row} is beyond the embedding of {one.model}.",
            f"Its rows are 0 to {one.rows - 1}.",
        )
    return row


def _shared(row: int, said: Origins | None, base: str | None, owns: Mapping[str, Own]) -> Origins:
    """Where models take a row from that they lack, or have to take from elsewhere."""
    if said is not None:
        return said
    found = {model: first for model, own in owns.items() if (first := own[row]) is not None}
    if base in found:
        return ((base, found[base]),)
    return tuple(found.items())


def _padding(row: int, text: str | None, lead: Lexicon) -> Origins:
    """Rows that no token has are like the lead's average: a row of zeros would have the logit 0,
    which is often more than any token's, and be drawn.
    """
    if text is not None or lead.rows is None:
        return ()
    spread = max(1, lead.rows // _AVERAGED)
    return tuple((lead.model, (at + row) % lead.rows) for at in range(0, lead.rows, spread))


def _runs(model: str, own: Own, shared: Mapping[int, Origins], forced: set[int]) -> Iterator[Run]:
    """Joins rows as long as all their origins go on row by row, too."""
    own = _without(forced, model, own, shared)
    if own == list(range(len(own))):
        yield Run(0, len(own), ((model, 0),))
        return
    start, begun = 0, Origins()
    row_next: int | None = None  # with which a copy goes on
    shared_next: Origins | None = None  # likewise what is taken from elsewhere
    for i, row in enumerate(own):
        if row is not None and row == row_next:
            row_next += 1
            continue
        origins = shared[i] if row is None else ((model, row),)
        if row is not None or origins != shared_next:
            if i > start:
                yield Run(start, i - start, begun)
            start, begun = i, origins
        row_next = None if row is None else row + 1
        shared_next = tuple((name, first + 1) for name, first in origins) if row is None else None
    yield Run(start, len(own) - start, begun)


def _without(forced: set[int], model: str, own: Own, shared: Mapping[int, Origins]) -> Own:
    """What a model has of its own; rows that it is forced to take from itself are among them."""
    if not forced:
        return own
    kept = list(own)
    for i in forced:
        match shared[i]:
            case ((name, first),) if name == model:
                kept[i] = first
            case _:
                kept[i] = None
    return kept
