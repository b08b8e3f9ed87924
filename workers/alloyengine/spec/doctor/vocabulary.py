"""Whether the models speak with the same tokens, and are spoken to in the same way."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Place, error, note, warning
from alloyengine.spec.result import ModelFacts, SpecialToken

TASKS = {"bos": "beginning", "eos": "end", "pad": "padding"}
_UNION = "Add tokenizer_source: union to the recipe, or base to keep the base's tokens."


def check_vocabulary(case: Case) -> Iterator[Finding]:
    for reference, place, theirs, ours in case.others():
        names = case.name(reference), case.name(case.like)
        if not case.new_vocabulary:
            yield from _tokens(names, place, theirs, ours)
        yield from _special(case, names, place, theirs, ours)
        yield from _head(case, names, place, theirs, ours)
    yield from _templates(case)


def _tokens(
    names: tuple[str, str], place: Place, theirs: ModelFacts, ours: ModelFacts
) -> Iterator[Finding]:
    mine, other = _rows(ours), _rows(theirs)
    if mine and other and mine != other:
        what = f"{names[0]} differs from {names[1]}: vocabulary {other:,} instead of {mine:,}."
        yield error("vocabulary", place, what, _UNION)
    elif theirs.tokenizer and ours.tokenizer and theirs.tokenizer.digest != ours.tokenizer.digest:
        what = (
            f"{names[0]} and {names[1]} have equally large vocabularies of different tokens: "
            "embeddings of different words would be mixed."
        )
        yield warning("tokens", place, what, _UNION)


def _rows(facts: ModelFacts) -> int | None:
    return facts.embedding_rows or facts.vocabulary


def _special(
    case: Case, names: tuple[str, str], place: Place, theirs: ModelFacts, ours: ModelFacts
) -> Iterator[Finding]:
    different = [
        f"{task} is {_shown(theirs.special_tokens[name])} in one, "
        f"{_shown(ours.special_tokens[name])} in the other"
        for name, task in TASKS.items()
        if name in theirs.special_tokens and name in ours.special_tokens
        if not _same(theirs.special_tokens[name], ours.special_tokens[name], case.new_vocabulary)
    ]
    if not different:
        return
    what = f"Special tokens of {names[0]} and {names[1]} differ: {'; '.join(different)}."
    if case.new_vocabulary:
        yield note("special_tokens", place, what, "Choose whose to use by tokenizer_source.")
    else:
        remedy = (
            f"Expect answers that don't end where they should: the result has those of {names[1]}. "
            "Merge models that were taught the same chat format, or set tokenizer_source."
        )
        yield warning("special_tokens", place, what, remedy)


def _same(one: SpecialToken, other: SpecialToken, by_text: bool) -> bool:
    """A new vocabulary gives a token the same id for all models."""
    if one.text is not None and other.text is not None and one.text != other.text:
        return False
    return by_text or None in (one.id, other.id) or one.id == other.id


def _shown(token: SpecialToken) -> str:
    if token.text is None:
        return f"token {token.id}"
    return repr(token.text) if token.id is None else f"{token.text!r} ({token.id})"


def _head(
    case: Case, names: tuple[str, str], place: Place, theirs: ModelFacts, ours: ModelFacts
) -> Iterator[Finding]:
    if theirs.tied_embeddings is None or ours.tied_embeddings is None:
        return
    if ours.tied_embeddings and not theirs.tied_embeddings:
        what = f"{names[0]} has an output head of its own, for which {names[1]} has no place."
        remedy = f"Let {names[0]} be the base, or the first of the models."
        yield (error if case.whole else warning)("head", place, what, remedy)
    elif theirs.tied_embeddings and not ours.tied_embeddings:
        what = f"{names[0]} has no output head of its own: its embedding stands in for it."
        remedy = "Nothing to do; the result has a head of its own."
        yield note("head", place, what, remedy)


def _templates(case: Case) -> Iterator[Finding]:
    """Told once, whatever the number of models."""
    ours = case.of(case.like)
    if case.recipe.chat_template or ours is None:
        return
    others = [
        case.name(reference)
        for reference, _, theirs, _ in case.others()
        if theirs.chat_template and theirs.chat_template != ours.chat_template
    ]
    if not others:
        return
    verb = "have another chat template" if len(others) > 1 else "has another chat template"
    if ours.chat_template:
        what = f"{' and '.join(others)} {verb} than {case.name(case.like)}."
        what += f" The result has that of {case.name(case.like)}."
    else:
        what = f"{case.name(case.like)} has no chat template, and so would the result; "
        what += f"{' and '.join(others)} {'have' if len(others) > 1 else 'has'} one."
    remedy = "Add chat_template: auto for the most frequent one, or name one, such as chatml."
    yield warning("chat_template", case.at(("chat_template",)), what, remedy)
