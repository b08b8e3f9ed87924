"""What a training will take, before it is submitted: foreseen by the engine from headers and first rows.

Seconds and memory are those of the machine that is asked, which is the one that trains as long as
attempts run beside the platform.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from django.db import transaction

from alloyengine.spec.train import TrainSpec
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import apart, heads
from alloyworks.errors import FieldError, Invalid
from alloyworks.jobs import check, specs
from alloyworks.jobs.references import Resolved

_ENGINE = "alloyengine.train.foresee.asked"


class Estimate(TypedDict):
    seconds: float
    steps: int
    memory: dict[str, int]  # bytes at the peak, by what they are for
    peak: int  # bytes, their sum
    free: int  # bytes that there are


def estimate(principal: Principal, spec: Any) -> Estimate:
    """Invalid with everything that the spec would be refused for, or in the engine's words: when it
    does not fit, with what would. Stores nothing.
    """
    principal.require("jobs.submit")
    wanted = specs.read(spec)
    if not isinstance(wanted, TrainSpec):
        fault = FieldError(["kind"], "Only training is estimated here.", "Examine the job instead.")
        raise Invalid("Only training is estimated here.", [fault])
    with transaction.atomic():
        inputs = check.inputs_of(principal, wanted)
        _check_that_they_exist(inputs)
        with tempfile.TemporaryDirectory(prefix="alloy-estimate-") as name:
            found: Estimate = apart.ask(_ENGINE, Path(name), _fetch(wanted, inputs, Path(name)))
    return found


def _check_that_they_exist(inputs: Sequence[Resolved]) -> None:
    faults = [
        FieldError(
            item.ref.loc, f"{item.label} is still being made.", "Ask again when it is there."
        )
        for item in inputs
        if item.dataset is None and item.model is None
    ]
    if faults:
        raise Invalid("What it begins with is still being made.", faults)


def _fetch(spec: TrainSpec, inputs: Sequence[Resolved], folder: Path) -> dict[str, Any]:
    """The request, and in the folder what it is about."""
    places, held = {}, 1.0
    for number, item in enumerate(inputs):
        place = folder / f"input-{number}"
        places[item.ref.reference] = place.name
        if item.model is not None:
            heads.fetch_model(item.model, place)
            heads.fetch_headers(item.model, place)
        elif item.dataset is not None and item.ref.loc[0] != "forgetting":
            place.mkdir()
            share = heads.fetch_rows(item.dataset, place / heads.TRAIN)
            held = share if item.ref.loc == ("dataset",) else held
    return {"spec": spec.model_dump(mode="json"), "inputs": places, "held": held}
