"""Scores and comparisons in the terminal."""

from collections.abc import Iterator

from rich.table import Table

from alloyengine.spec.result import Compared, EvaluateResult, Score, TaskScore

_STYLES = {"better": "green", "worse": "bold red"}


def drawn(result: EvaluateResult) -> Iterator[Table]:
    if result.scores:
        yield _of_sets(result.scores)
        yield _of_costs(result.scores)
    if result.tasks:
        yield _of_tasks(result.tasks)
    if result.comparisons:
        yield _of_comparisons(result.comparisons)


def _of_sets(scores: list[Score]) -> Table:
    table = Table("model", "dataset", "metric", "value", "± stderr", "examples")
    for score in scores:
        value, error, examples = _figures(score)
        table.add_row(score.model, score.dataset, score.metric, value, error, examples)
    return table


def _of_costs(scores: list[Score]) -> Table:
    """For each example, on average; `-` is not known."""
    table = Table("model", "dataset", "seconds", "tokens read", "tokens written", "weights")
    table.title = "what an example took"
    for score in scores:
        if score.cost is None:
            continue
        tokens = [
            "-" if count is None else f"{count / score.examples:.1f}"
            for count in (score.cost.read, score.cost.written)
        ]
        seconds = f"{score.cost.seconds / score.examples:.3f}"
        weights = f"{score.cost.memory / 1e9:.2f} GB"
        table.add_row(score.model, score.dataset, seconds, *tokens, weights)
    return table


def _of_tasks(scores: list[TaskScore]) -> Table:
    table = Table("model", "task", "metric", "value", "± stderr", "examples")
    for score in scores:
        value, error, examples = _figures(score)
        arrow = "↓" if score.lower_is_better else "↑"
        table.add_row(score.model, score.task, f"{score.called} {arrow}", value, error, examples)
    return table


def _of_comparisons(comparisons: list[Compared]) -> Table:
    table = Table("model", "asked", "metric", "difference", "95%", "p", "verdict")
    table.title = f"compared with {comparisons[0].baseline}"
    for each in comparisons:
        table.add_row(
            each.model,
            each.asked,
            each.metric,
            f"{each.difference:+.3f}",
            f"{each.low:+.3f} to {each.high:+.3f}",
            f"{each.p:.2g}",
            each.verdict,
            style=_STYLES.get(each.verdict),
        )
    return table


def _figures(score: Score | TaskScore) -> tuple[str, str, str]:
    error = "" if score.stderr is None else f"{score.stderr:.3f}"
    return f"{score.value:.3f}", error, str(score.examples)
