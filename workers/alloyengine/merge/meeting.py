"""Tells with a merge how its models meet: the map of `alloy diff`, made while they are at hand."""

from alloyengine.diff.measure import interference
from alloyengine.errors import InputError, TransferError
from alloyengine.merge.run import Inputs, open_members
from alloyengine.report import Reporter
from alloyengine.spec.interference import REPORT, compared_in
from alloyengine.spec.merge import MergeSpec

MOST_NUMBERS = 10_000_000_000  # weights of all models together: half a minute on two cores


def tell_meeting(spec: MergeSpec, inputs: Inputs, report: Reporter) -> None:
    """Reports the map where it is of use and quickly made. Raises Stopped.

    The merge does not depend on it: models that can't be compared are told of and left at that.
    """
    if not (wanted := compared_in(spec)):
        return
    with open_members(spec.recipe.references(), inputs) as members:
        base, *models = (members[reference] for reference in wanted)
        numbers = sum(info.numel for member in (base, *models) for info in member.tensors.values())
        if numbers > MOST_NUMBERS:
            report.log("The models are too large to be compared on the way; use `alloy diff`.")
            return
        try:
            report.report(REPORT, interference(base, models, report))
        except (InputError, TransferError) as problem:
            report.log(f"The models were not compared: {problem}", "warning")
