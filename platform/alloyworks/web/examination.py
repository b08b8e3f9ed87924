"""What is known of a job before it is submitted: findings by place, licence, size, time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from alloyengine.spec.doctor import Report
from alloyengine.spec.doctor.report import LEVELS, Finding, Level, error
from alloyworks import strictjson
from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError, Problem, invalid
from alloyworks.jobs import check
from alloyworks.web.forms.base import JobForm, Where
from alloyworks.web.forms.fields import as_values

WORDS: dict[Level, tuple[str, str]] = {
    "error": ("error", "errors"),
    "warning": ("warning", "warnings"),
    "note": ("note", "notes"),
}


@dataclass(frozen=True)
class Entry:
    """A finding, and where the form shows what it is about."""

    finding: Finding
    where: Where


@dataclass(frozen=True)
class Examination:
    report: Report
    entries: list[Entry]  # errors first
    text: str = ""  # the spec as YAML; "" while it can't be read

    @property
    def ready(self) -> bool:
        return not self.report.errors

    @property
    def counts(self) -> str:
        """`1 error, 2 notes`; "" of none."""
        levels = [entry.finding.level for entry in self.entries]
        told = ((levels.count(level), names) for level, names in WORDS.items())
        return ", ".join(f"{count} {names[count > 1]}" for count, names in told if count)


def examination_of(form: JobForm) -> Examination:
    """Of the form as it stands; nothing is stored."""
    try:
        draft, unknown = form.draft()
        spec = storable(draft)
    except Problem as problem:
        return _examined(form, Report(findings=_errors(problem.errors)))
    text = yaml.safe_dump(as_values(spec), sort_keys=False, allow_unicode=True)
    report = _report(form.principal, spec)
    # The form names the nearest model; what else is said there says the same less well.
    places = {tuple(fault.loc) for fault in unknown}
    others = [finding for finding in report.findings if finding.loc not in places]
    findings = [*_errors(unknown), *others]
    return _examined(form, report.model_copy(update={"findings": findings}), text)


def storable(spec: dict[str, Any]) -> dict[str, Any]:
    """Refuses what the API's parser refuses, too."""
    try:
        strictjson.refuse_unstorable(spec)
    except ValueError as problem:
        raise invalid([], f"The form can't be stored: {problem}.", "Remove it.") from None
    return spec


def _examined(form: JobForm, report: Report, text: str = "") -> Examination:
    """The gravest first, then in the order of the lines."""
    entries = [Entry(finding, form.where(finding.loc)) for finding in report.findings]
    entries.sort(key=lambda entry: (LEVELS.index(entry.finding.level), entry.where.line))
    return Examination(report, entries, text)


def _report(principal: Principal, spec: Any) -> Report:
    try:
        return check.examine(principal, spec)
    except Problem as problem:
        return Report(findings=_errors(problem.errors))


def _errors(faults: Iterable[FieldError]) -> list[Finding]:
    return [error("invalid", tuple(fault.loc), fault.msg, fault.remedy) for fault in faults]
