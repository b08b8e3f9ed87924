"""The winner's card: what was searched, how it went, and what the model is worth on other questions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from alloyengine.card import NAME, as_yaml, front_matter, names_of, table
from alloyengine.evolve.front import front_of
from alloyengine.evolve.history import NAME as CANDIDATES
from alloyengine.evolve.history import Candidate
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import Recipe, split_reference
from alloyengine.spec.result import RESULT, START, ModelFacts, Score
from alloyengine.train.chart import Line, Panel, save_chart

PICTURE, RECIPE = "evolution.png", "recipe.yml"
_VIOLET, _PALE, _ORANGE = "#6b46e5", "#cdc0f7", "#d9730d"
_CALLED = {RESULT: "**this model**", START: "the recipe it began with"}


def write_card(
    folder: Path,
    spec: EvolveSpec,
    candidates: Sequence[Candidate],
    winner: Candidate,
    scores: Sequence[Score],
    facts: ModelFacts,
) -> None:
    """README.md with its picture, and the winning recipe as `alloy merge` takes it."""
    save_chart(list(panels(candidates)), folder / PICTURE)
    text = yaml.safe_dump(told(winner.recipe), sort_keys=False, allow_unicode=True)
    (folder / RECIPE).write_text(text, encoding="utf-8")
    said = card(spec, candidates, winner, scores, facts)
    (folder / NAME).write_text(said, encoding="utf-8")


def card(
    spec: EvolveSpec,
    candidates: Sequence[Candidate],
    winner: Candidate,
    scores: Sequence[Score],
    facts: ModelFacts,
) -> str:
    """Markdown with the front matter that model hubs read."""
    references = [reference for _, reference in spec.recipe.references()]
    parts = [part for name in references for part in split_reference(name) if part]
    names = names_of([*parts, *(score.dataset for score in scores)])
    bases = [names[part] for part in dict.fromkeys(parts)]
    sections = [
        front_matter(bases, ["merge", "evolution"], facts.licence),
        f"# {spec.name or 'An evolved merge'}\n",
        f"Made by Alloyworks: {_course(spec, candidates, winner)}\n",
        "## Scores\n\nOn questions that the search has not seen:\n",
        table(_scores(scores, names), ("Model", "Data", "Metric", "Score", "Questions")),
        f"## The search\n\n![The generations of the search]({PICTURE})\n",
        table(_searched(spec, winner), ("Searched", "From", "To", "Found")),
        *_front(spec, candidates),
        f"Every candidate is a line of `{CANDIDATES}`.\n",
        f"## The recipe\n\nFor `alloy merge {RECIPE}`:\n\n{as_yaml(told(winner.recipe), names)}",
    ]
    return "\n".join(sections)


def told(recipe: Recipe) -> dict[str, object]:
    return recipe.model_dump(mode="json", exclude_defaults=True)


def panels(candidates: Sequence[Candidate]) -> Iterator[Panel]:
    """The best and the mean of each generation; with two tasks or more, the best of each task."""
    generations = defaultdict[int, list[Candidate]](list)
    for each in candidates:
        if each.score is not None:
            generations[each.generation].append(each)
    best, mean, running = dict[float, float](), dict[float, float](), float("-inf")
    for generation, tried in sorted(generations.items()):
        values = [each.score or 0.0 for each in tried]
        whole = [each.score or 0.0 for each in tried if each.whole]
        running = max([running, *whole])
        best[generation], mean[generation] = running, sum(values) / len(values)
    lines = [Line("mean", _ORANGE, mean, dots=True), Line("best so far", _VIOLET, best)]
    yield Panel("Score", "generations", lines)
    spent = {float(each.number): each.score for each in candidates if each.score is not None}
    yield Panel("Score of every candidate", "candidates", [Line("", _PALE, spent, 1.0, dots=True)])


def _course(spec: EvolveSpec, candidates: Sequence[Candidate], winner: Candidate) -> str:
    tried, minutes = len(candidates), sum(each.seconds for each in candidates) / 60
    given_up = sum(not each.whole for each in candidates)
    failed = sum(each.score is None for each in candidates)
    details = [
        f"{given_up} given up early" if given_up else "",
        f"{failed} failed" if failed else "",
    ]
    also = ", ".join(detail for detail in details if detail)
    return (
        f"CMA-ES tried {tried} recipes{f' ({also})' if also else ''} in "
        f"{_generations(candidates)} generations and {minutes:.1f} minutes; this is number "
        f"{winner.number}. Seed {spec.seed}."
    )


def _generations(candidates: Sequence[Candidate]) -> int:
    return max(each.generation for each in candidates)


def _scores(scores: Sequence[Score], names: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for score in scores:
        model, lora = split_reference(score.model)
        known = names.get(model, model) + (f"+{names.get(lora, lora)}" if lora else "")
        error = f" ± {score.stderr:.4f}" if score.stderr is not None else ""
        yield (
            _CALLED.get(score.model, f"`{known}`"),
            f"`{names[score.dataset]}`",
            score.metric,
            f"{score.value:.4f}{error}",
            f"{score.examples:,}",
        )


def _searched(spec: EvolveSpec, winner: Candidate) -> Iterator[tuple[str, str, str, str]]:
    for item in spec.search:
        found = winner.numbers[item.where]
        numbers = found if isinstance(found, list) else [found]
        words = ", ".join(f"{number:g}" for number in numbers)
        yield f"`{item.where}`", f"{item.low:g}", f"{item.high:g}", words


def _front(spec: EvolveSpec, candidates: Sequence[Candidate]) -> Iterator[str]:
    """The trade-offs, where they were looked for."""
    if spec.aim != "front":
        return
    whole = [each for each in candidates if each.whole and each.score is not None]
    members = [whole[number] for number in front_of([each.worths for each in whole])]
    rows = [
        (str(each.number), *(f"{worth:.4f}" for worth in each.worths))
        for each in sorted(members, key=lambda each: each.worths)
    ]
    head = ("Candidate", *(f"Task {number + 1}" for number in range(len(spec.tasks))))
    yield f"The front, of which this model is one:\n\n{table(rows, head)}"
