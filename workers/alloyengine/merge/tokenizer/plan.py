"""What a recipe says about the vocabulary becomes a plan: rows to move and files to write."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.document import spelling
from alloyengine.merge.tokenizer.draft import Draft
from alloyengine.merge.tokenizer.files import make_files, special_ids
from alloyengine.merge.tokenizer.lexicon import Lexicon, read_lexicons
from alloyengine.merge.tokenizer.rows import plan_rows
from alloyengine.merge.tokenizer.vocabulary import Vocabulary
from alloyengine.spec.tokenizer import Tokenizer

_SHOWN = 5  # tokens that a note names


def plan_vocabulary(
    wanted: Tokenizer | str | None,
    base: str | None,
    folders: Mapping[str, Path],
    rows: Mapping[str, int],
) -> Vocabulary | None:
    """The vocabulary of the result; None if the recipe leaves it as it is in the first model.

    `wanted` is the recipe's `tokenizer` or `tokenizer_source`, `folders` have the models' small
    files, the base's or else the first model's before the others' ids. `rows` has the number of
    rows of the embedding of every model that takes part. InputError says what doesn't fit.
    """
    if wanted is None:
        return None
    recipe = Tokenizer(source=wanted) if isinstance(wanted, str) else wanted
    first = base if base is not None else next(iter(folders))
    lexicons = read_lexicons(folders, rows, first)
    lead = _lead(recipe.source, first, lexicons)
    taking = {model: one for model, one in lexicons.items() if model in rows}
    draft = Draft.of(lead)
    if recipe.source == "union":
        for other in lexicons.values():
            draft.absorb(other)
    draft.add(recipe.tokens, taking)
    size = _size(draft, recipe.pad_to_multiple_of)
    special = special_ids(lead, lexicons[first])
    return Vocabulary(
        size=size,
        tokens=len(draft.ids),
        rows=plan_rows(draft.ids, size, lead, base, taking, recipe.tokens),
        special=special,
        files=make_files(draft, special),
        notes=tuple(_notes(draft, lexicons)),
    )


def _lead(source: str, first: str, lexicons: Mapping[str, Lexicon]) -> Lexicon:
    """The model whose tokens keep their ids."""
    model = first if source in ("union", "base") else source
    if model not in lexicons:
        raise InputError(
            "tokenizer_model",
            f"tokenizer: {model} is not among the models of the recipe.",
            f"Give union, base or one of {', '.join(lexicons)}.",
        )
    return lexicons[model]


def _size(draft: Draft, multiple: int | None) -> int:
    """Rows of the embedding. Those that the lead has beyond its tokens stay, unless the recipe
    asks for a multiple: programs expect a model's files to have its usual shapes.
    """
    if multiple is None:
        return max(draft.end, draft.lead.rows or 0)
    return -(-draft.end // multiple) * multiple


def _notes(draft: Draft, lexicons: Mapping[str, Lexicon]) -> Iterator[str]:
    for one in lexicons.values():
        if one.dropped:
            shown = ", ".join(sorted(one.dropped)[:_SHOWN])
            more = ", …" if len(one.dropped) > _SHOWN else ""
            count = len(one.dropped)
            yield f"{one.model}: {count} tokens have no embedding and are left out: {shown}{more}."
    for donor in draft.donors:
        if (donor.kind, spelling(donor)) != (draft.lead.kind, spelling(draft.lead)):
            yield (
                f"{donor.model} writes its tokens differently from {draft.lead.model}: "
                "tokens of the same text are not recognised as the same."
            )
