"""Makes candidates: a recipe's numbers become the resident model's weights, without a file."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from alloyengine.checkpoint import TensorInfo
from alloyengine.errors import InputError
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evolve.resident import Resident
from alloyengine.merge.backend import backend
from alloyengine.merge.execute import execute
from alloyengine.merge.measured import Measured
from alloyengine.merge.members import Member
from alloyengine.merge.plan import Plan, make_plan
from alloyengine.merge.run import Inputs, Options, open_members
from alloyengine.merge.run import run as merge
from alloyengine.merge.steps import Step
from alloyengine.report import Reporter, Silent
from alloyengine.spec.merge import MergeSpec, Recipe


class Maker:
    """One search's models, opened, and the model that candidates are made in.

    What a candidate shares with the one before is not made again: tensors whose numbers are the
    same, and what was measured of task vectors.
    """

    def __init__(self, plan: Plan, members: Mapping[str, Member], loaded: Loaded) -> None:
        self.loaded = loaded
        self._plan, self._members = plan, members
        self._target = Resident(loaded.model, plan.layout)
        self._backend = backend("cuda" if loaded.device == "cuda" else "cpu")
        # As for the merge that writes the winner: the same loops give the same numbers.
        self._backend.prepare(sum(step.numel * len(step.sources) for step in plan.steps))
        self._measured = Measured()
        self._made: dict[str, Any] = {}  # by tensor: what the model has now

    def fits(self, recipe: Recipe) -> bool:
        """Would it make the very tensors that the resident model has?"""
        try:
            steps = self._plan.again(recipe, self._members)
        except InputError:
            return False
        return {step.tensor: TensorInfo(step.shape, step.dtype) for step in steps} == (
            self._plan.layout
        )

    def make(self, recipe: Recipe, report: Reporter) -> float:
        """The seconds it took. Raises InputError, Stopped: then the model is nothing whole."""
        begun = time.perf_counter()
        steps = self._plan.again(recipe, self._members)
        changed = [step for step in steps if self._made.get(step.tensor) != _known(step)]
        for step in changed:
            self._made.pop(step.tensor, None)
        quiet = _Quiet(report)
        execute(changed, self._target, self._backend, quiet, measures=self._measured)
        self._made |= {step.tensor: _known(step) for step in changed}
        return time.perf_counter() - begun


class _Quiet(Silent):
    """Says nothing of a merge, but hears the order to stop."""

    def __init__(self, report: Reporter) -> None:
        self._report = report

    def stopping(self) -> bool:
        return self._report.stopping()


def _known(step: Step) -> Any:
    """What tells the tensor of one candidate from that of another."""
    return step.method and step.method.name, step.settings, step.sources


@contextmanager
def maker(recipe: Recipe, inputs: Inputs, scratch: Path, report: Reporter) -> Iterator[Maker]:
    """The recipe is merged once into a file, so that the resident model is loaded as every model is."""
    with ExitStack() as closing:
        closing.callback(shutil.rmtree, scratch, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)
        options = Options(signed=False, described=False)
        merge(MergeSpec(recipe=recipe), inputs, scratch, _Quiet(report), options)
        loaded = load(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
        members = closing.enter_context(open_members(recipe.references(), inputs))
        yield Maker(make_plan(recipe, members), members, loaded)
