"""What the operator says of an organisation's limits."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from alloyworks.accounts.models import Organisation
from alloyworks.errors import NotFound
from alloyworks.tenancy import scope
from alloyworks.usage import limits
from alloyworks.usage.models import Limits

AS_SET = -1.0  # back to what the deployment's settings say
HOURS = ("gpu_hours", "job_hours")


def set_limits(organisation: UUID, wanted: Mapping[str, float]) -> dict[str, tuple[Any, Any]]:
    """Changes the limits that are given, and tells of all what is used and allowed.

    None is used where nothing is counted, and allowed where there is no limit.
    """
    with scope(organisation):
        if not Organisation.objects.filter(id=organisation).exists():
            raise NotFound(f"There is no organisation {organisation}.")
        if wanted:
            values = {name: _value(name, number) for name, number in wanted.items()}
            Limits.objects.update_or_create(organisation_id=organisation, defaults=values)
        used, allowed = limits.used(organisation), limits.allowance(organisation)
    return {name: (getattr(used, name, None), limit) for name, limit in asdict(allowed).items()}


def _value(name: str, number: float) -> float | int | None:
    if number == AS_SET:
        return None
    return number if name in HOURS else int(number)
