"""What a process needs to make and score candidates: the questions, and the models in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from alloyengine.evolve.goals import read_goals
from alloyengine.evolve.held import held
from alloyengine.evolve.maker import maker
from alloyengine.evolve.trial import Trials
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.train.foresee import free_memory


@contextmanager
def begun(
    spec: EvolveSpec, inputs: Mapping[str, Path], scratch: Path, report: Reporter
) -> Iterator[Trials]:
    """`scratch`: a folder that is not there yet, and will not be. Raises InputError, Stopped."""
    goals = read_goals(spec, inputs, report)
    named = {ref.reference: inputs[ref.reference] for ref in spec.inputs() if ref.kind == "model"}
    models = held(named, free_memory() // spec.workers, report)
    with maker(spec.recipe, models, scratch, report) as made:
        yield Trials(spec, made, goals, report)
