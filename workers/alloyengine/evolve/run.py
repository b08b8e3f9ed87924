"""One evolution, from folders to a folder."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from alloyengine.checkpoint import check_new
from alloyengine.evolve.begin import begun
from alloyengine.evolve.card import write_card
from alloyengine.evolve.crowd import hands
from alloyengine.evolve.finish import Finish
from alloyengine.evolve.goals import Questions, digest_of
from alloyengine.evolve.history import NAME, History
from alloyengine.evolve.search import Search
from alloyengine.merge.run import run as merge
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.result import EvolveResult
from alloyengine.spec.space import size
from alloyengine.train.deliver import draft
from alloyengine.train.machine import use_all_cores

# What may be another when a search goes on.
_FREE = {"name", "budget", "finalists"}


def run(
    spec: EvolveSpec,
    inputs: Mapping[str, Path],
    out: Path,
    report: Reporter,
    checkpoints: Path | None = None,
) -> EvolveResult:
    """Searches, and merges the winner into `out`, which becomes a complete model folder.

    With a folder for `checkpoints`, a search that was cut off goes on where it was. Raises EngineError.
    """
    check_new(out)
    use_all_cores()
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.name}.start")
    with begun(spec, inputs, scratch, report) as trials:
        history = History.open(checkpoints, _identity(spec, digest_of(trials.goals)))
        if history.resumed:
            report.log(f"Goes on after {history.resumed} candidates that are scored already.")
        report.log(f"{size(spec.search)} dimensions. {_asked(trials.goals)}")
        with hands(trials, inputs, scratch) as several:
            search = Search(trials, history, several)
            report.log(f"The search has ended: {search.run()}.")
        use_all_cores()
        finish = Finish(trials)
        winner = finish.winner(search)
        scores = finish.scores(winner)
    with draft(out) as folder:
        facts = merge(MergeSpec(recipe=winner.recipe), inputs, folder, report).facts
        history.write(folder / NAME)
        write_card(folder, spec, history.candidates, winner, scores, facts)
    return EvolveResult(
        facts=facts,
        recipe=winner.recipe,
        evaluations=len(history.candidates),
        generations=max(each.generation for each in history.candidates),
        score=winner.score or 0.0,
        scores=scores,
    )


def _identity(spec: EvolveSpec, questions: str) -> str:
    """What candidates must be of: the spec, and the questions they were asked."""
    # What is left at its default is not told: a search goes on under a version with new fields.
    told = spec.model_dump(mode="json", exclude=_FREE, exclude_defaults=True)
    return sha256(json.dumps([told, questions], sort_keys=True).encode()).hexdigest()


def _asked(goals: Sequence[Questions]) -> str:
    counts = [f"{len(goal.sample)} of {goal.goal.dataset}" for goal in goals]
    return f"Every candidate answers {', '.join(counts)}."
