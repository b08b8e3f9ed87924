"""What a recipe says about the vocabulary of the result, and about its chat template."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from alloyengine.spec.base import Reference, Spec, broken_rule

Token = Annotated[str, Field(min_length=1, max_length=1024)]
Place = tuple[str | int, ...]

NamedTemplate = Literal["auto", "alpaca", "chatml", "exaone", "llama3", "mistral"]
NAMED_TEMPLATES: tuple[str, ...] = NamedTemplate.__args__  # type: ignore[attr-defined]
_SHORTEST_TEMPLATE, _LONGEST_TEMPLATE = 20, 100_000


class ModelToken(Spec):
    """The embedding that a model has for another token, named by its text or its id."""

    kind: Literal["model_token"]
    model: Reference
    token: Token | None = None
    token_id: int | None = Field(None, ge=0, strict=True)

    @model_validator(mode="after")
    def names_one_token(self) -> "ModelToken":
        if (self.token is None) == (self.token_id is None):
            msg = "model_token names one token, by token or by token_id"
            raise broken_rule("token", msg, "Give one of the two.")
        return self


class Zero(Spec):
    """An embedding of zeros."""

    kind: Literal["zero"]


def _kind(source: Any) -> str:
    """Which of the three forms of a source it is meant to be."""
    if isinstance(source, str):
        return "model"
    kind = source.get("kind") if isinstance(source, dict) else getattr(source, "kind", None)
    if kind not in ("model_token", "zero"):
        msg = "a source is a model, {kind: model_token, ...} or {kind: zero}"
        raise broken_rule("source", msg, "Name the model that has the embedding, or give a kind.")
    return str(kind)


def _check_kind(source: Any) -> Any:
    _kind(source)
    return source


EmbeddingSource = Annotated[
    Annotated[Reference, Tag("model")]
    | Annotated[ModelToken, Tag("model_token")]
    | Annotated[Zero, Tag("zero")],
    Discriminator(_kind),
    BeforeValidator(_check_kind),
]


class TokenSource(Spec):
    """Where models that lack a token take its embedding from; with `force` all models do."""

    source: EmbeddingSource | None = None
    force: bool = Field(False, strict=True)

    @model_validator(mode="after")
    def forces_something(self) -> "TokenSource":
        if self.force and self.source is None:
            raise broken_rule("source", "force needs a source", "Say which embedding to use.")
        return self


class Tokenizer(Spec):
    """The vocabulary of the result."""

    source: Reference = Field("union", description="`union`, `base` or a model")
    tokens: dict[Token, TokenSource] = Field(
        default_factory=dict,
        max_length=100_000,
        description="Embeddings of single tokens; a token that is not there yet is added",
    )
    pad_to_multiple_of: int | None = Field(
        None, ge=1, le=1 << 20, strict=True, description="Rounds the rows of the embedding up"
    )

    def references(self) -> Iterator[tuple[Place, Reference]]:
        """Where models are named."""
        if self.source not in ("union", "base"):
            yield ("source",), self.source
        for token, entry in self.tokens.items():
            match entry.source:
                case str() as model:
                    yield ("tokens", token, "source"), model
                case ModelToken(model=model):
                    yield ("tokens", token, "source", "model"), model


def _check_template(template: str) -> str:
    """A name, or a text that can be a template; whether it is one is seen when it is used."""
    if template in NAMED_TEMPLATES:
        return template
    if "{" not in template or len(template) < _SHORTEST_TEMPLATE:
        known = ", ".join(NAMED_TEMPLATES)
        msg = f"{template[:_SHORTEST_TEMPLATE]!r} is neither a known template nor Jinja"
        remedy = f"Known are {known}; a template holds a {{ and {_SHORTEST_TEMPLATE} characters."
        raise broken_rule("chat_template", msg, remedy)
    if len(template) > _LONGEST_TEMPLATE:
        msg = f"the chat template has {len(template)} characters, more than {_LONGEST_TEMPLATE}"
        raise broken_rule("chat_template", msg, "Shorten it.")
    return template


ChatTemplate = Annotated[
    str,
    AfterValidator(_check_template),
    Field(description="auto, alpaca, chatml, exaone, llama3, mistral, or the Jinja text itself"),
]
