"""What the merge doctor says."""

from typing import Literal

from pydantic import Field

from alloyengine.spec.base import Spec

Place = tuple[str | int, ...]
Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
LicenceKind = Literal[
    "permissive", "community", "copyleft", "non-commercial", "no derivatives", "unknown"
]


class Finding(Spec):
    """One thing to know about a merge, and what to do about it."""

    level: Level = Field(
        description="error: it can't be merged; warning: the result may disappoint; note: to know"
    )
    code: str = Field(description="The same for findings of one kind")
    loc: Place = Field(description="The place in the job spec")
    what: str
    remedy: str


class Estimate(Spec):
    """What a merge will take, from the models' sizes and measured speeds."""

    parameters: int = Field(description="Weights of the result")
    output_bytes: int
    read_bytes: int = Field(description="Weights of all models, a model counted once")
    memory_bytes: int = Field(description="At the peak, on two cores")
    seconds: float = Field(description="On two cores, with the models on a fast disk")


class LicenceOfResult(Spec):
    """What holds for the result, told from the models' licences. No legal advice."""

    name: str = Field(description="The models' licences that ask for more than a notice, or one")
    kind: LicenceKind = Field(description="Of the strictest; unknown while a model's is not known")


class Report(Spec):
    """Findings, errors first, and what is known of the result."""

    findings: list[Finding]
    estimate: Estimate | None = Field(None, description="Null while a model's size is not known")
    licence: LicenceOfResult | None = None
    family: str | None = Field(
        None, description="The nearest model that all the others were made from, as far as known"
    )

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "error"]


def error(code: str, loc: Place, what: str, remedy: str) -> Finding:
    return Finding(level="error", code=code, loc=loc, what=what, remedy=remedy)


def warning(code: str, loc: Place, what: str, remedy: str) -> Finding:
    return Finding(level="warning", code=code, loc=loc, what=what, remedy=remedy)


def note(code: str, loc: Place, what: str, remedy: str) -> Finding:
    return Finding(level="note", code=code, loc=loc, what=what, remedy=remedy)
