"""What the training of a form will take."""

from dataclasses import dataclass

from alloyworks.errors import Problem, Unauthenticated
from alloyworks.jobs import foreseeing
from alloyworks.web.examination import storable
from alloyworks.web.forms.train import TrainForm


@dataclass(frozen=True)
class Takes:
    """An estimate, or why there is none."""

    estimate: foreseeing.Estimate | None = None
    problem: Problem | None = None

    @property
    def status(self) -> int:
        return self.problem.status if self.problem else 200

    @property
    def parts(self) -> list[tuple[str, int]]:
        """What memory is for, and bytes; the largest first."""
        memory = self.estimate["memory"].items() if self.estimate else ()
        return sorted(((what, size) for what, size in memory if size), key=lambda part: -part[1])


def takes(form: TrainForm) -> Takes:
    try:
        return Takes(foreseeing.estimate(form.principal, storable(form.spec())))
    except Unauthenticated:
        raise
    except Problem as problem:
        return Takes(problem=problem)
