"""What the operator says of an organisation's limits; written as the role that owns the tables."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from alloyworks.accounts.models import Organisation
from alloyworks.tenancy import scope
from alloyworks.usage import limits
from alloyworks.usage.models import Limits

AS_SET = -1.0  # back to what the deployment's settings say
HOURS = ("gpu_hours", "job_hours")
Shown = dict[str, tuple[Any, Any]]  # used and allowed; None: not counted, and without a limit


class Unknown(Exception):
    """No organisation has this name or id, or several have the name."""


def organisation(wanted: str) -> Organisation:
    rows = Organisation.objects.using("owner")
    try:
        found = list(rows.filter(id=UUID(wanted)))
    except ValueError:
        found = list(rows.filter(name=wanted))
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(row.id) for row in found)
        raise Unknown(
            f"{len(found)} organisations are called {wanted!r}; name one by its id: {ids}."
        )
    raise Unknown(f"There is no organisation {wanted!r}.")


def set_limits(one: Organisation, wanted: Mapping[str, float]) -> Shown:
    """Changes the limits that are given, and shows all."""
    if wanted:
        values = {name: _value(name, number) for name, number in wanted.items()}
        Limits.objects.using("owner").update_or_create(organisation_id=one.id, defaults=values)
    with scope(one.id):
        used, allowed = asdict(limits.used(one.id)), asdict(limits.allowance(one.id))
    return {name: (used.get(name), limit) for name, limit in allowed.items()}


def _value(name: str, number: float) -> float | int | None:
    if number == AS_SET:
        return None
    return number if name in HOURS else int(number)
