"""The vocabulary of the result: one model's tokens with their ids, then whatever is added."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.lexicon import Json, Lexicon, as_added
from alloyengine.spec.tokenizer import ModelToken, TokenSource


@dataclass
class Draft:
    """Starts as the tokens of `lead`, whose ids stay, and grows at the end."""

    lead: Lexicon
    ids: dict[str, int]
    added: dict[str, Json]
    donors: list[Lexicon] = field(default_factory=list)  # gave tokens to the vocabulary proper
    learnt: list[str] = field(default_factory=list)  # those tokens

    @classmethod
    def of(cls, lead: Lexicon) -> "Draft":
        return cls(lead, dict(lead.ids), dict(lead.added))

    @property
    def end(self) -> int:
        """The id after the last."""
        return max(self.ids.values()) + 1

    @property
    def changed(self) -> bool:
        """Whether the lead's files don't describe this vocabulary."""
        return bool(self.lead.dropped) or self.ids != self.lead.ids or self.added != self.lead.added

    def absorb(self, other: Lexicon) -> None:
        """Adds the tokens that are not there yet, in the order of their ids.

        Text that is an added token of the other's is one here as well.
        """
        new = sorted(other.ids.keys() - self.ids.keys(), key=other.ids.__getitem__)
        self.ids.update(zip(new, range(self.end, self.end + len(new)), strict=True))
        for token, entry in other.added.items():
            self.added.setdefault(token, entry | {"id": self.ids[token]})
        if learnt := [token for token in new if token not in other.added]:
            self.donors.append(other)
            self.learnt += learnt

    def add(self, tokens: Mapping[str, TokenSource], lexicons: Mapping[str, Lexicon]) -> None:
        """Adds the tokens that a recipe mentions, as added tokens like those they come from."""
        for token, entry in tokens.items():
            if token not in self.ids:
                self.ids[token] = self.end
                flags = _flags(token, entry, lexicons)
                self.added[token] = flags | {"content": token, "id": self.ids[token]}


def _flags(token: str, entry: TokenSource, lexicons: Mapping[str, Lexicon]) -> Json:
    """How a token is found in a text: as the one is that gives it its embedding."""
    source = entry.source
    if isinstance(source, ModelToken):
        one = lexicon_of(source.model, lexicons)
        named = (source.token, source.token_id)
        found = (
            entry for name, entry in one.added.items() if name in named or entry["id"] in named
        )
        return next(found, as_added(token))
    first = [lexicons[source]] if isinstance(source, str) and source in lexicons else []
    found = (one.added[token] for one in (*first, *lexicons.values()) if token in one.added)
    return next(found, as_added(token))


def lexicon_of(model: str, lexicons: Mapping[str, Lexicon]) -> Lexicon:
    """InputError when a recipe takes an embedding from a model that takes no part in the merge."""
    if model not in lexicons:
        raise InputError(
            "tokenizer_model",
            f"tokenizer: {model} is not among the models that are merged.",
            f"Name one of {', '.join(lexicons)}.",
        )
    return lexicons[model]


def texts_by_id(ids: Mapping[str, int], size: int) -> list[str | None]:
    """The token of each row; None where a row has none."""
    texts: list[str | None] = [None] * size
    for token, i in ids.items():
        texts[i] = token
    return texts
