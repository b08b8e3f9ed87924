"""Evolution: what candidates cost, how many an hour beside the peer's way, and whether it beats a grid.

    ./alloy bench evolve --json bench/results/evolve.json
    ./alloy bench evolve --quick --only making,hour

On SmolLM2-135M-Instruct and the demo's two specialists (see `scores_models.py`; trained once). Every
candidate answers 100 questions, 50 of each task. `making` is the share that the merge in memory takes
of that. `an hour` compares whole candidates with the peer's way: its command merges to disk, the model
is loaded, and answers the same questions. `grid` sets 60 evaluations against 20 hand-made recipes, all
scored on the questions of the report: the one that is best on those of the search, as a person would choose, and
the one that turns out to be best on the report itself, which nobody can know before.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from alloyengine.cli.console import ConsoleReporter
from alloyengine.evaluate.models import load
from alloyengine.evolve.finish import Finish
from alloyengine.evolve.goals import Questions, read_goals
from alloyengine.evolve.held import held
from alloyengine.evolve.history import Candidate, History
from alloyengine.evolve.maker import Maker, maker
from alloyengine.evolve.scoring import marks_of
from alloyengine.evolve.search import Search
from alloyengine.evolve.trial import Trials
from alloyengine.merge.recipe import parse
from alloyengine.report import Silent
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import Recipe
from alloyengine.spec.space import recipe_at, size
from alloyengine.train.foresee import free_memory
from alloyengine.train.machine import use_all_cores
from alloyworks.cli.demo.story import ANSWER_TOKENS, TASKS
from bench import models, peer, scores_models
from bench.evolve_cases import GRID, MAKING, SEARCHED, named
from bench.machine import where
from bench.merge_cases import chosen
from bench.merge_measure import measure, warm

Figures = dict[str, Any]
ASKED = 50  # questions of each task
EVALUATIONS, QUICK = 60, 12
FINALISTS = 10
SEEDS = (0, 1, 2)
SHARE, TWICE, FOUR_TIMES = 0.1, 2.0, 4.0


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    use_all_cores()
    evaluations = QUICK if quick else EVALUATIONS
    rows = [*(f"making {name}" for name in MAKING), "candidates an hour"]
    rows += [f"grid, seed {seed}" for seed in SEEDS]
    with tempfile.TemporaryDirectory(dir=models.room()) as room:
        place = Bench(Path(room))
        for name in chosen(rows, only):
            print(f"{name} …", file=sys.stderr)
            if name.startswith("making"):
                figures = place.making(MAKING[name.removeprefix("making ")], 2 if quick else 5)
            elif name.startswith("grid"):
                figures = place.against_grid(int(name.rpartition(" ")[2]), evaluations)
            else:
                figures = place.hourly(evaluations, 1 if quick else 5)
            yield name, figures | {"where": where()}


class Bench:
    """The models, the questions, and a folder for what is made on the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = {"base": scores_models.base()}
        self.models |= {task: scores_models.specialist(task) for task in TASKS}
        scores_models.write_sets(folder / "sets")
        self.sets = {f"{task}_questions": folder / "sets" / task for task in TASKS}
        self._held = held(self.models, free_memory(), Silent())

    def spec(self, recipe: Figures, **changes: Any) -> EvolveSpec:
        told = {"metric": "exact_match", "max_new_tokens": ANSWER_TOKENS, "sample": ASKED}
        tasks = [{"dataset": name, **told} for name in self.sets]
        return EvolveSpec.model_validate({"recipe": recipe, "tasks": tasks} | changes)

    def making(self, recipe: Figures, runs: int) -> Figures:
        """Medians; the first candidate, which compiles and reads, is not counted."""
        spec = self.spec(recipe)
        goals, made_in, answered_in = self._goals(spec), list[float](), list[float]()
        with self._maker(spec) as made:
            for number in range(runs + 1):
                share = (number + 1) / (runs + 2)
                candidate = recipe_at(spec.recipe, spec.search, [share] * size(spec.search))
                making, answering = self._tried(made, candidate, goals, spec)
                if number:
                    made_in.append(making)
                    answered_in.append(answering)
        making, answering = statistics.median(made_in), statistics.median(answered_in)
        share = round(making / answering, 3)
        return {
            "making s": round(making, 2),
            "answering s": round(answering, 2),
            "share": share,
            "≤ share": SHARE,
            "met": share <= SHARE,
        }

    def hourly(self, evaluations: int, runs: int) -> Figures:
        """Candidates an hour. The peer makes the middle ones of our own search."""
        tried = self._searched(evaluations, racing=False)
        raced = self._searched(evaluations, racing=True)
        peers = self._peers(tried[len(tried) // 2 :][:runs])
        ours, with_racing = _an_hour(tried), _an_hour(raced)
        ratio, raced_ratio = ours / peers, with_racing / peers
        return {
            "ours": round(ours),
            "with racing": round(with_racing),
            "peer": round(peers),
            "ratio": round(ratio, 2),
            "≥ ratio": TWICE,
            "racing ratio": round(raced_ratio, 2),
            "≥ racing ratio": FOUR_TIMES,
            "met": ratio >= TWICE and raced_ratio >= FOUR_TIMES,
            "given up": sum(not each.whole for each in raced),
            "best": round(max(each.score or 0.0 for each in tried if each.whole), 4),
            "racing best": round(max(each.score or 0.0 for each in raced if each.whole), 4),
        }

    def against_grid(self, seed: int, evaluations: int) -> Figures:
        """By the mean of both tasks on the questions of the report, in percent."""
        budget = {"evaluations": evaluations}
        spec = self.spec(SEARCHED, seed=seed, budget=budget, finalists=FINALISTS)
        goals = self._goals(spec)
        with self._maker(spec) as made, ConsoleReporter() as report:
            trials = Trials(spec, made, goals, report)
            search = Search(trials, History.open(None, ""))
            search.run()
            winner = Finish(trials).winner(search)
            _, found = self._scored(made, winner.recipe, goals, spec)
        grid = self._grid(goals, spec)
        chosen_one = max(grid, key=lambda name: grid[name][0])
        best = max(grid, key=lambda name: grid[name][1])
        return {
            "evolved": round(100 * found, 1),
            "grid, chosen by the search": round(100 * grid[chosen_one][1], 1),
            "grid, in hindsight": round(100 * grid[best][1], 1),
            "chosen": chosen_one,
            "in hindsight": best,
            "met": found > grid[best][1],
            "recipe": winner.recipe.model_dump(mode="json", exclude_defaults=True),
        }

    def _grid(self, goals: Sequence[Questions], spec: EvolveSpec) -> dict[str, tuple[float, float]]:
        """Each grid recipe has a structure of its own, and a resident model of its own."""
        found = {}
        for name, raw in GRID.items():
            recipe = parse(yaml.safe_dump(raw))
            with maker(recipe, self._held, self.folder / "start", Silent()) as made:
                found[name] = self._scored(made, recipe, goals, spec)
        return found

    def _scored(
        self, made: Maker, recipe: Recipe, goals: Sequence[Questions], spec: EvolveSpec
    ) -> tuple[float, float]:
        """By the mean of the tasks: on all questions of the search, and on those of the report."""
        made.make(recipe, Silent())
        searched = [(goal, goal.search) for goal in goals]
        reported = [(goal, goal.report) for goal in goals]
        size = spec.batch_size
        found = [marks_of(made.loaded, asked, size, _nothing) for asked in (searched, reported)]
        in_search, in_report = (sum(marks.worths) / len(marks.worths) for marks in found)
        return in_search, in_report

    def _searched(self, evaluations: int, racing: bool) -> list[Candidate]:
        spec = self.spec(SEARCHED, racing=racing, budget={"evaluations": evaluations})
        with self._maker(spec) as made, ConsoleReporter() as report:
            history = History.open(None, "")
            Search(Trials(spec, made, self._goals(spec), report), history).run()
        return history.candidates

    def _peers(self, candidates: Sequence[Candidate]) -> float:
        """The peer's command, the loading and the same questions, candidate by candidate."""
        spec = self.spec(SEARCHED)
        goals, seconds = self._goals(spec), list[float]()
        recipe, out = self.folder / "peer.yml", self.folder / "peer"
        peer.install()
        for each in candidates:
            recipe.write_text(yaml.safe_dump(named(each.recipe, self.models)))
            warm(self.models.values())
            begun = time.perf_counter()
            measure(peer.command(recipe, out))
            asked = [(goal, goal.drawn(0, 1)) for goal in goals]
            marks_of(load(out), asked, spec.batch_size, _nothing)
            seconds.append(time.perf_counter() - begun)
            shutil.rmtree(out)
        return 3600 / statistics.median(seconds)

    def _tried(
        self, made: Maker, recipe: Recipe, goals: Sequence[Questions], spec: EvolveSpec
    ) -> tuple[float, float]:
        making = made.make(recipe, Silent())
        begun = time.perf_counter()
        marks_of(made.loaded, [(g, g.drawn(0, 1)) for g in goals], spec.batch_size, _nothing)
        return making, time.perf_counter() - begun

    def _goals(self, spec: EvolveSpec) -> list[Questions]:
        return read_goals(spec, self.sets, Silent())

    def _maker(self, spec: EvolveSpec) -> Any:
        return maker(spec.recipe, self._held, self.folder / "start", Silent())


def _an_hour(candidates: Sequence[Candidate]) -> float:
    return 3600 * len(candidates) / sum(each.seconds for each in candidates)


def _nothing(_: int) -> None:
    """Nobody counts."""
