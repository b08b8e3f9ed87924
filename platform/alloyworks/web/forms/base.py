"""What the forms of all kinds of jobs have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError
from alloyworks.web.forms.fields import Faults
from alloyworks.web.forms.names import typed


@dataclass(frozen=True)
class Where:
    """A place in a spec as the form shows it: in words, and the input or the line to go to."""

    words: str = ""
    input: str = ""  # its id
    line: int = 0  # of the text, from 1; 0 where there is none


@dataclass
class JobForm(ABC):
    """What a person has typed so far, as text."""

    kind: ClassVar[str]
    title: ClassVar[str]
    lead: ClassVar[str]

    principal: Principal

    @classmethod
    @abstractmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        """With the defaults, and what the address says: `?model=` and `?dataset=`."""

    @classmethod
    @abstractmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        """As if a person had typed this spec."""

    @classmethod
    @abstractmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        """What the browser sent."""

    def settled(self) -> Self:
        """Without rows that were left empty, so that places in the spec are those of the rows."""
        return self

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """The job spec, not validated yet. Raises Invalid when the text can't be read at all."""

    def draft(self) -> tuple[dict[str, Any], list[FieldError]]:
        """The spec as far as it can be made, and what could not be. Raises Invalid as `spec`."""
        return self.spec(), []

    @abstractmethod
    def places(self) -> list[str]:
        """The dotted places of the spec that have an input or a heading to show faults at."""

    @abstractmethod
    def drawn(self, faults: Faults) -> dict[str, Any]:
        """What the template draws."""

    def where(self, loc: Sequence[str | int]) -> Where:
        """Where a person finds a place of the spec."""
        return Where()

    def act(self, do: str) -> Faults:
        """A button that changes the form, such as "one more row". Tells what was wrong."""
        return Faults()


def trimmed(post: QueryDict, names: list[str]) -> dict[str, str]:
    """The inputs of these names that were sent, without blanks around the text."""
    return {name: typed(post, name) for name in names if name in post}


def with_text(values: Mapping[str, str]) -> dict[str, str]:
    """Those that are filled in: what is left blank takes the spec's default."""
    return {name: value for name, value in values.items() if value}
