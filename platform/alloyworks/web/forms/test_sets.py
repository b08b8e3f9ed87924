"""Test sets as rows of a form: those of an evaluation, and those that a search goes by."""

from collections.abc import Mapping, Sequence
from typing import Any

from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.metrics import METRICS
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset
from alloyworks.web import choices
from alloyworks.web.forms import metrics
from alloyworks.web.forms.base import with_text
from alloyworks.web.forms.fields import Faults, Field, Number, number_field
from alloyworks.web.forms.fitting import unfit_for_testing
from alloyworks.web.forms.rows import Row

LENGTH = Number(TestSet, "max_new_tokens", "Longest answer", "tokens", help="")
LIMIT = Number(TestSet, "limit", "Questions", help="Only the first so many")
COLUMNS = ("dataset", "metric", LENGTH.name, LIMIT.name, *metrics.SETTINGS)
FIRST = "exact_match"
OFFERED = [
    (name, about.label, about.meaning) for name, about in METRICS.items() if name != "win_rate"
]
"""A job reaches no judge, so there is no win rate."""


def row(dataset: str = "") -> Row:
    return {"dataset": dataset, "metric": FIRST, LENGTH.name: LENGTH.default}


def of_spec(given: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> Row:
    return {name: metrics.shown(name, given.get(name)) for name in columns}


def spec(place: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Raises Invalid for what can't be read."""
    return [metrics.read(with_text(row), (place, i)) for i, row in enumerate(rows)]


def drawn(
    principal: Principal,
    place: str,
    rows: Sequence[Row],
    faults: Faults,
    removable: bool,
    numbers: Sequence[Number] = (LENGTH, LIMIT),
) -> list[dict[str, Any]]:
    """`removable`: even the only one."""
    offered = choices.offered_datasets(principal)
    found = [_drawn(principal, f"{place}.{i}", row, offered, faults) for i, row in enumerate(rows)]
    for i, (one, row) in enumerate(zip(found, rows, strict=True)):
        under = f"{place}.{i}"
        values = {f"{under}.{name}": text for name, text in row.items()}
        own = [Number(n.spec, n.name, n.label, n.unit, n.help, under) for n in numbers]
        one["number"] = i + 1
        one["remove"] = f"remove.{under}" if removable or len(rows) > 1 else ""
        one["numbers"] = [number_field(number, values, faults) for number in own]
        one["settings"] = metrics.fields(one["metric"].value, under, values, faults)
    return found


def _drawn(
    principal: Principal, under: str, row: Row, offered: list[Dataset], faults: Faults
) -> dict[str, Any]:
    metric, dataset = row.get("metric") or FIRST, row.get("dataset", "")

    def refusal(found: Dataset) -> str:
        return unfit_for_testing(found, metric)

    groups = choices.of_datasets(principal, offered, refusal, dataset)
    place, measured = f"{under}.dataset", f"{under}.metric"
    return {
        "dataset": Field(place, "Test set", dataset, groups=groups, errors=faults.at(place)),
        "metric": Field(measured, "Metric", metric, errors=faults.at(measured)),
    }
