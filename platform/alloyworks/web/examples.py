"""The first examples as the model of a training form will see them."""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from alloyengine.spec.train import TrainSpec
from alloyworks.catalog import examples
from alloyworks.catalog.examples import Example
from alloyworks.errors import Invalid, NotFound, Problem, Unauthenticated, invalid
from alloyworks.web.choices import TO_COME
from alloyworks.web.forms.train import TrainForm
from alloyworks.web.forms.train_parts import OBJECTIVE, UNIONS


@dataclass(frozen=True)
class Look:
    """At a dataset, through a model's eyes; or why that is not possible."""

    examples: list[Example] = field(default_factory=list)
    problem: Problem | None = None

    @property
    def status(self) -> int:
        return self.problem.status if self.problem else 200

    @property
    def alarmed(self) -> bool:
        """Whether nothing at all would be learned."""
        return bool(self.examples) and not any(example["trained"] for example in self.examples)


def look_at(form: TrainForm) -> Look:
    try:
        with transaction.atomic():
            found = examples.examples(
                form.principal,
                _id(form, "dataset"),
                _id(form, "model"),
                _objective(form),
                _longest(form),
            )
    except Unauthenticated:
        raise
    except Problem as problem:
        return Look(problem=problem)
    return Look(found)


def _id(form: TrainForm, place: str) -> UUID:
    text = form.values.get(place, "")
    if not text:
        raise invalid([place], f"No {place} is chosen.", f"Choose a {place} first.")
    if text.startswith(TO_COME):
        raise invalid([place], "This model is still being made.", "Look again when it is there.")
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {place} {text[:80]!r}.") from None


def _objective(form: TrainForm) -> str:
    method = form.method(OBJECTIVE)
    if method not in UNIONS[0].members:
        raise invalid([OBJECTIVE], f"There is no objective {method[:80]!r}.", "Choose one.")
    return method


def _longest(form: TrainForm) -> int:
    """As the spec understands it."""
    text = form.values.get("max_length") or TrainSpec.model_fields["max_length"].default
    try:
        return TrainSpec(model="-", dataset="-", max_length=text).max_length
    except ValueError:
        raise _no_length(text) from None


def _no_length(text: str) -> Invalid:
    return invalid(["max_length"], f"{text[:80]!r} is no number of tokens.", "Use 8 to 131,072.")
