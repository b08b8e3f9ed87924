"""Whether the models write text in the same tokens.

Models whose vocabularies differ are the most frequent reason for a merge that fails or talks
nonsense: a row of the embedding means another token in each.
"""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.fit import fits, vocabularies_differ
from alloyengine.spec.doctor.report import Finding
from alloyengine.spec.result import ModelFacts

_UNION = "Add tokenizer_source: union to the recipe (or base, to keep the base's tokens)."
_ROLES = {
    "bos": "begins a text",
    "eos": "ends an answer",
    "pad": "fills up batches",
    "unk": "is unknown",
}


def findings(case: Case) -> Iterator[Finding]:
    for reference, facts in case.others.items():
        if not fits(case, facts):
            continue  # its shape says more
        yield from _rows(case, reference, facts)
        yield from _heads(case, reference, facts)
        yield from _special(case, reference, facts)
    yield from _templates(case)


def _rows(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like, place = case.known[case.like], case.members[reference]
    if case.rebuilds_vocabulary or case.recipe.modules:
        return
    ours, theirs = case.label(reference), case.label(case.like)
    if vocabularies_differ(facts, like):
        what = f"{ours} has a vocabulary of {_size(facts)} tokens, {theirs} one of {_size(like)}."
        yield case.finding("error", "vocabulary", place, what, _UNION)
    elif facts.tokenizer and like.tokenizer and facts.tokenizer.digest != like.tokenizer.digest:
        what = (
            f"{ours} and {theirs} have vocabularies of one size with other tokens: rows of "
            f"different tokens would be mixed."
        )
        yield case.finding("warning", "tokenizer", place, what, _UNION)


def _size(facts: ModelFacts) -> int | None:
    return facts.vocabulary if facts.embedding_rows is None else facts.embedding_rows


def _heads(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like, place = case.known[case.like], case.members[reference]
    if facts.tied_embeddings is None or like.tied_embeddings in (None, facts.tied_embeddings):
        return
    ours, theirs = case.label(reference), case.label(case.like)
    if facts.tied_embeddings:
        what = f"{ours} has no output head of its own as {theirs} has: its embedding stands in."
        remedy = f"That is right for {ours}; check the result's answers."
        yield case.finding("note", "tied", place, what, remedy)
        return
    what = f"{ours} has an output head of its own, {theirs} shares the embedding's numbers."
    remedy = f"Let the result take after {ours}: make it the base, or list it first."
    level = "warning" if case.sliced or case.recipe.modules else "error"
    yield case.finding(level, "tied", place, what, remedy)


def _special(case: Case, reference: str, facts: ModelFacts) -> Iterator[Finding]:
    like, place = case.known[case.like], case.members[reference]
    if case.rebuilds_vocabulary:
        return  # tokens are told apart by their text
    for role, means in _ROLES.items():
        ours, theirs = facts.special_tokens.get(role), like.special_tokens.get(role)
        if not ours or not theirs or None in (ours.id, theirs.id) or ours.id == theirs.id:
            continue
        level = "warning" if role in ("bos", "eos") else "note"
        what = (
            f"The token that {means} ({role}) is {_token(ours.text, ours.id)} in "
            f"{case.label(reference)}, {_token(theirs.text, theirs.id)} in {case.label(case.like)}."
        )
        remedy = f"The result has that of {case.label(case.like)}: {_advice(role)}"
        yield case.finding(level, "special_tokens", place, what, remedy)


def _token(text: str | None, number: int | None) -> str:
    return str(number) if text is None else f"{text} ({number})"


def _advice(role: str) -> str:
    if role == "eos":
        return "check that its answers end, or give more weight to models that end them so."
    return "put the model first, or make it the base, whose token is wanted."


def _templates(case: Case) -> Iterator[Finding]:
    """Said once: it is the result's template that is not clear."""
    like = case.known.get(case.like)
    if not like or not like.chat_template or case.recipe.chat_template:
        return
    for reference, facts in case.others.items():
        if facts.chat_template and facts.chat_template != like.chat_template:
            ours, theirs = case.label(reference), case.label(case.like)
            what = f"{ours} has another chat template than {theirs}, whose the result gets."
            remedy = "Choose one by chat_template, such as chatml, or keep that of the base."
            place = case.members[reference]
            yield case.finding("note", "chat_template", place, what, remedy)
            return
