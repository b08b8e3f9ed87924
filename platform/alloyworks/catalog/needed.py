"""What stands in the way of a deletion: jobs that still need the thing."""

from django.db.models import QuerySet

from alloyworks.errors import Conflict
from alloyworks.jobs.models import JobInput
from alloyworks.jobs.states import FINISHED


def let_go(inputs: QuerySet[JobInput], what: str) -> None:
    """Conflict while a job needs it; finished jobs keep the reference in their spec alone."""
    needing = inputs.exclude(job__state__in=FINISHED).select_related("job").first()
    if needing is not None:
        raise Conflict(
            f"{what} is used by the job {needing.job.name!r}, which is {needing.job.state}. "
            "Wait until it is finished, or cancel it."
        )
    inputs.update(dataset=None, model_version=None)
