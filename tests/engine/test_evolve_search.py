"""The search itself, on models whose worth is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError, Stopped
from alloyengine.evolve.history import NAME
from tests.engine.evolving import (
    Player,
    Recording,
    hill,
    played,
    searched,
    spec_of,
)

__all__ = ["played"]
pytestmark = pytest.mark.usefixtures("played")


def steep(weights: Sequence[float]) -> float:
    """As `hill`, where most recipes are bad."""
    return max(0.0, 0.95 - 4 * (0.95 - hill(weights)))


ALL = {"budget": {"evaluations": 60}, "racing": False}


def test_it_finds_a_better_recipe():
    spec = spec_of(**ALL)
    search, history, why = searched(spec, Player(hill))
    best = search.best[0]
    assert why == "all 60 evaluations are done"
    assert len(history.candidates) == 60
    assert hill([best.numbers[item.where] for item in spec.search]) > 0.94 > hill([0.5, 0.5])
    assert best.score is not None and best.score > (history.candidates[0].score or 0) + 0.05


def test_the_same_seed_tries_the_same():
    first = searched(spec_of(**ALL, seed=3), Player(hill))[1].candidates
    second = searched(spec_of(**ALL, seed=3), Player(hill))[1].candidates
    other = searched(spec_of(**ALL, seed=4), Player(hill))[1].candidates
    assert [c.point for c in first] == [c.point for c in second]
    assert [c.point for c in first] != [c.point for c in other]


def test_racing_asks_less_and_finds_as_much():
    whole, raced = Player(steep), Player(steep)
    rough = {"budget": {"evaluations": 60}, "step": 0.4}
    best = searched(spec_of(**rough, racing=False), whole)[0].best[0]
    search, history, _ = searched(spec_of(**rough), raced)
    given_up = [c for c in history.candidates if not c.whole]
    assert given_up and raced.asked < 0.9 * whole.asked
    assert (search.best[0].score or 0) > (best.score or 0) - 0.02
    assert all(sum(task.asked for task in c.tasks) < 200 for c in given_up)


def test_whoever_was_given_up_was_not_among_the_better():
    """What is asked of a candidate does not change which it is: all can be asked everything."""
    _, history, _ = searched(spec_of(budget={"evaluations": 60}, step=0.4), Player(steep))
    judge = Player(steep)
    rows = [f"{n} of 0" for n in range(200)]

    def whole(candidate: Any) -> float:
        judge.weights = list(candidate.numbers.values())
        return sum(judge.answers(rows)) / 200

    def bar(each: Any) -> float:
        """The median of the last generation, or of those that were whole before it in this one."""
        before = [c for c in history.candidates if c.generation == each.generation - 1]
        beside = [c for c in history.candidates if c.generation == each.generation and c.whole]
        beside = [c for c in beside if c.number < each.number]
        bars = [
            sorted((c.score or 0.0 for c in part), reverse=True)[2:3] for part in (before, beside)
        ]
        return max(score for found in bars for score in found)

    given_up = [c for c in history.candidates if not c.whole]
    wrong = sum(whole(each) >= bar(each) for each in given_up)
    assert given_up and wrong <= 0.1 * len(given_up)


def test_a_failed_candidate_ranks_last_and_ends_nothing():
    report = Recording()
    player = Player(hill, fails=lambda made: made % 5 == 0)
    search, history, _ = searched(spec_of(**ALL), player, report=report)
    failed = [c for c in history.candidates if c.score is None]
    assert len(failed) == 12
    assert all("infinite" in c.failure for c in failed)
    assert any("failed: It would hold infinite" in line for line in report.logs)
    assert (search.best[0].score or 0) > 0.9


def test_a_start_that_fails_is_the_recipes_fault():
    with pytest.raises(InputError, match="infinite"):
        searched(spec_of(**ALL), Player(hill, fails=lambda made: made == 1))


def test_a_search_in_which_all_fail_ends_with_the_reason():
    with pytest.raises(InputError, match=r"All \d+ candidates of a generation failed.*infinite"):
        searched(spec_of(**ALL), Player(hill, fails=lambda made: made > 1))


def test_models_that_say_nothing_end_the_search(monkeypatch: pytest.MonkeyPatch):
    from alloyengine.evaluate.scores import Figure
    from alloyengine.evolve import scoring

    def score(*_: Any) -> Any:
        return Figure(0.0, None), [{"answer": " ", "correct": False}]

    monkeypatch.setattr(scoring, "score", score)
    with pytest.raises(InputError, match="No candidate has said a word"):
        searched(spec_of(**ALL), Player(hill))


def test_minutes_end_it(monkeypatch: pytest.MonkeyPatch):
    from alloyengine.evolve import trial as module

    ticks = iter(range(10**6))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))
    spec = spec_of(budget={"evaluations": None, "minutes": 0.2}, racing=False)
    _, history, why = searched(spec, Player(hill))
    assert why == "the 0.2 minutes are over"
    assert len(history.candidates) == 12


def test_standing_still_ends_it():
    spec = spec_of(budget={"evaluations": None, "patience": 3}, racing=False)
    _, history, why = searched(spec, Player(lambda _: 0.5))
    assert why == "there was nothing better for 3 generations"
    assert max(c.generation for c in history.candidates) == 3


@pytest.mark.parametrize("after", [1, 2, 9, 23])
def test_an_interrupted_search_tries_the_same_candidates(tmp_path: Path, after: int):
    spec = spec_of(budget={"evaluations": 40})
    whole = searched(spec, Player(hill))[1].candidates
    with pytest.raises(Stopped):
        searched(spec, Player(hill), tmp_path, Recording(stop_after=after))
    again = Player(hill)
    found = searched(spec, again, tmp_path)[1].candidates
    assert again.made == 40 - after
    times = {"making": 0.0, "scoring": 0.0}
    assert [c.model_copy(update=times) for c in found] == [
        c.model_copy(update=times) for c in whole
    ]


def test_a_line_that_was_cut_short_is_scored_again(tmp_path: Path):
    spec = spec_of(budget={"evaluations": 20})
    whole = searched(spec, Player(hill), tmp_path)[1].candidates
    file = tmp_path / NAME
    file.write_bytes(file.read_bytes()[:-40])
    again = Player(hill)
    found = searched(spec, again, tmp_path)[1].candidates
    assert again.made == 1
    assert [c.score for c in found] == [c.score for c in whole]
    assert len(file.read_text().splitlines()) == 21


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(tmp_path: Path):
    searched(spec_of(budget={"evaluations": 20}), Player(hill), tmp_path)
    again = Player(hill)
    _, history, _ = searched(spec_of(budget={"evaluations": 30}), again, tmp_path)
    assert (again.made, len(history.candidates)) == (10, 30)


def test_candidates_of_another_search_are_refused(tmp_path: Path):
    searched(spec_of(budget={"evaluations": 10}), Player(hill), tmp_path)
    with pytest.raises(InputError, match="are of another search"):
        searched(spec_of(budget={"evaluations": 10}, seed=5), Player(hill), tmp_path)


def test_marks_tell_how_far_it_is(tmp_path: Path):
    searched(spec_of(budget={"evaluations": 40}), Player(hill), tmp_path)
    marks = sorted(path.name for path in tmp_path.glob("step-*"))
    assert marks == ["step-000031", "step-000037"]
    assert not list(tmp_path.glob("*.partial"))


def test_each_generation_tells_its_best_and_mean():
    report = Recording()
    _, history, _ = searched(spec_of(**ALL), Player(hill), report=report)
    best = report.metrics["best"]
    assert list(best) == list(report.metrics["mean"]) == list(range(1, len(best) + 1))
    assert list(best.values()) == sorted(best.values())
    first = [c.score or 0.0 for c in history.candidates if c.generation == 1]
    assert report.metrics["mean"][1] == pytest.approx(sum(first) / len(first))


def test_a_front_has_trade_offs(monkeypatch: pytest.MonkeyPatch):
    """One task wants the first model, the other the second; both can't be had."""
    from alloyengine.evaluate.scores import Figure
    from alloyengine.evolve import scoring

    def worth(weights: Sequence[float], task: str) -> float:
        first, second = weights
        wanted = first if task == "a" else second
        return float(max(0.0, wanted - max(0.0, first + second - 1)))

    def score(player: Player, goal: Any, rows: list[Any], *_: Any) -> Any:
        value = worth(player.weights, goal.dataset)
        return Figure(value, None), [{"answer": "x", "correct": False, "score": value}]

    monkeypatch.setattr(scoring, "score", score)
    spec = spec_of(
        tasks=[{"dataset": "a"}, {"dataset": "b"}], aim="front", budget={"evaluations": 150}
    )
    search, _, _ = searched(spec, Player(hill))
    worths = sorted(c.worths for c in search.best)
    assert len(worths) >= 8
    assert all(a + b > 0.9 for a, b in worths[1:-1])
    assert worths[0][0] < 0.3 and worths[-1][0] > 0.7
    sums = [a + b for a, b in (c.worths for c in search.best)]
    assert sums == sorted(sums, reverse=True)


def test_weights_say_what_matters_more():
    spec = spec_of(
        tasks=[{"dataset": "a", "weight": 3}, {"dataset": "b"}], budget={"evaluations": 1}
    )
    _, history, _ = searched(spec, Player(hill))
    start = history.candidates[0]
    a, b = start.worths
    assert start.score == pytest.approx((3 * a + b) / 4)
