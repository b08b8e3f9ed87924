"""The form of an upcycling: its recipe as YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from django.http import QueryDict
from pydantic import ValidationError

from alloyengine.spec.moe import MoeSpec
from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError
from alloyworks.web import choices
from alloyworks.web.forms.base import JobForm, Where, trimmed
from alloyworks.web.forms.fields import Faults, Field, text_of
from alloyworks.web.forms.recipe import PLACE, Text, known_in, line_in, written

PROMPT = "Something that this one is good at"


@dataclass
class MoeForm(JobForm):
    kind: ClassVar[str] = "moe"
    title: ClassVar[str] = "Make a mixture of experts"
    lead: ClassVar[str] = "Several models become the experts of one, and routers choose among them."

    values: dict[str, str] = field(default_factory=dict)
    yaml: str = ""

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        """A recipe to be completed."""
        models = choices.references(query.getlist("model")) or ["…"]
        listed = models if len(models) > 1 else models * 2
        experts = [{"source_model": model, "positive_prompts": [PROMPT]} for model in listed]
        recipe = {"base_model": models[0], "gate_mode": "hidden", "experts": experts}
        return cls(principal, yaml=written({"recipe": recipe}, principal))

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        values = {"name": text_of(spec.get("name"))}
        return cls(principal, values, written(_lean(dict(spec)), principal))

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        return cls(principal, trimmed(post, ["name"]), str(post.get("yaml") or ""))

    def spec(self) -> dict[str, Any]:
        return known_in(self.draft())

    def draft(self) -> tuple[dict[str, Any], list[FieldError]]:
        told, unknown = Text.read(self.yaml).spec(self.principal)
        name = {"name": self.values["name"]} if self.values.get("name") else {}
        return {"kind": self.kind, **name, **told}, unknown

    def places(self) -> list[str]:
        return ["name", PLACE]

    def drawn(self, faults: Faults) -> dict[str, Any]:
        name = Field(
            "name",
            "Name",
            self.values.get("name", ""),
            placeholder="Named after the number of experts",
            errors=faults.at("name"),
        )
        return {"name": name, "yaml": self.yaml, "recipe_errors": faults.at(PLACE)}

    def where(self, loc: Sequence[str | int]) -> Where:
        line = line_in(self.yaml, loc)
        return Where(f"Line {line}", line=line)


def _lean(spec: dict[str, Any]) -> dict[str, Any]:
    """Without what is as if it were not said. An old spec stays as it is."""
    try:
        recipe = MoeSpec.model_validate(spec).recipe
    except ValidationError:
        return spec
    return {"recipe": recipe.model_dump(mode="json", exclude_defaults=True)}
