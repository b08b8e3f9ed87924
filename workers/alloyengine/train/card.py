"""The model card of a training run: what was learned from what, how it went, and how to use it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from alloyengine.card import NAME, as_yaml, front_matter, table
from alloyengine.evaluate.contamination import WORDS, Overlap
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AnyTuning, FullTuning, SpectrumTuning
from alloyengine.train.chart import Line, Panel, save_chart, smoothed
from alloyengine.train.curve import Curve
from alloyengine.train.loop import Fitted
from alloyengine.train.source import Data
from alloyengine.train.surroundings import surroundings

PICTURE = "training.png"
_ROWS = 10  # of the table of losses, at most
_VIOLET, _PALE, _ORANGE = "#6b46e5", "#cdc0f7", "#d9730d"
_OBJECTIVES = {
    "sft": "Supervised fine-tuning (sft)",
    "cpt": "Continued pre-training (cpt)",
    "dpo": "Direct preference optimisation (dpo)",
    "distill": "Distillation (distill)",
}
_USE = """
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

path = "."  # this folder, or its name on a hub
tokenizer = AutoTokenizer.from_pretrained(path)
model = AutoModelForCausalLM.from_pretrained(path, dtype="auto")
"""
_CHAT = """messages = [{"role": "user", "content": "..."}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
"""
_TEXT = """inputs = tokenizer("...", return_tensors="pt")
"""
_ANSWER = """answer = model.generate(**inputs, max_new_tokens=100)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```
"""


@dataclass(frozen=True)
class Made:
    """What the card tells of a run."""

    spec: TrainSpec
    fitted: Fitted
    curve: Curve
    data: Mapping[str, Data]  # by reference
    trained: int  # parameters
    held: int = 0  # examples
    parameters: int = 0  # of the whole model
    licence: str | None = None  # of the base
    chats: bool = True  # does it have a chat template?
    overlaps: Mapping[str, Overlap] = field(default_factory=dict)  # of test sets, by reference
    more: Sequence[str] = ()  # sections of others


def write_card(folder: Path, made: Made) -> None:
    """README.md, and the picture that it shows."""
    steps = made.fitted.steps
    save_chart([_losses(made.curve, steps)], folder / PICTURE)
    (folder / NAME).write_text(card(made), encoding="utf-8")


def card(made: Made) -> str:
    """Markdown with the front matter that model hubs read."""
    spec = made.spec
    folders = {ref.reference: PurePath(ref.reference).name for ref in spec.inputs()}
    names = {reference: name or reference for reference, name in folders.items()}
    base = names[spec.model]
    front = front_matter(
        [base],
        [spec.objective.method, spec.tuning.method],
        made.licence,
        [names[reference] for reference in made.data],
        library_name="transformers",
        pipeline_tag="text-generation",
    )
    title = spec.name or f"{base}, tuned on {names[spec.dataset]}"
    sections = [
        f"# {title}\n\n`{base}`, trained by Alloyworks on `{names[spec.dataset]}`.\n",
        table(_facts(made, names), ("", "")),
        _course(made),
        *made.more,
        f"## How to use it\n{_usage(made)}",
        f"## How it was made\n\n{as_yaml(spec.model_dump(mode='json'), names)}",
        f"## Where\n\n{table(_where(made), ('', ''))}",
    ]
    return front + "\n" + "\n".join(sections)


def tuning_in_words(tuning: AnyTuning) -> str:
    match tuning:
        case FullTuning():
            return "every weight (full)"
        case SpectrumTuning(modules=None, budget_gb=None, percent=percent):
            return f"the {percent:g}% of modules with the most signal (spectrum)"
        case SpectrumTuning():
            return "chosen modules (spectrum)"
    return f"adapters of rank {tuning.rank}, merged ({tuning.method})"


def _facts(made: Made, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    spec, fitted = made.spec, made.fitted
    yield "Objective", _OBJECTIVES[spec.objective.method]
    yield "Trained", tuning_in_words(spec.tuning)
    share = made.trained / max(made.parameters, 1)
    yield "Parameters", f"{made.trained:,} trained, {share:.1%} of {made.parameters:,}"
    for reference, data in made.data.items():
        yield f"Data `{names[reference]}`", f"{data.rows:,} rows, SHA-256 `{data.digest}`"
    for reference, met in made.overlaps.items():
        count = f"{len(met.found):,} of {met.examples:,} ({met.share:.1%})"
        words = f"{count} share {WORDS} words in a row with the training data, or all they say"
        yield f"Test examples of `{names[reference]}`", words
    yield "Steps", f"{fitted.steps:,} of {spec.batch_size} examples, {fitted.tokens:,} tokens"
    yield "Loss", f"{fitted.loss:.4f}, mean of the last ten steps"
    if fitted.evaluation is not None:
        yield "Evaluation loss", f"{fitted.evaluation:.4f} on {made.held:,} examples held out"


def _course(made: Made) -> str:
    """The picture, and the same in numbers."""
    losses = made.curve.losses(made.fitted.steps)
    if not losses:
        return ""
    first, last = next(iter(losses.values())), made.fitted.loss
    words = f"The loss by step, from {first:.3f} to {last:.3f}"
    return f"![{words}]({PICTURE})\n\n{_numbers(made)}"


def _numbers(made: Made) -> str:
    """A few rows: every evaluation's step, if there are not too many, else steps evenly apart."""
    steps = made.fitted.steps
    losses = smoothed(made.curve.losses(steps), _ROWS)
    evaluations = made.curve.evaluations(steps)
    places = sorted(evaluations.keys() & losses.keys() or losses.keys())
    if not evaluations:
        rows = [(f"{step:.0f}", f"{losses[step]:.4f}") for step in _spread(places)]
        return table(rows, ("Step", "Loss"))
    both = [(f"{s:.0f}", f"{losses[s]:.4f}", f"{evaluations[s]:.4f}") for s in _spread(places)]
    return table(both, ("Step", "Loss", "Evaluation loss"))


def _spread(places: Sequence[float]) -> list[float]:
    """Some of them, the first and the last among them."""
    count = min(len(places), _ROWS)
    chosen = {round(number * (len(places) - 1) / max(count - 1, 1)) for number in range(count)}
    return [places[place] for place in sorted(chosen)]


def _losses(curve: Curve, steps: int) -> Panel:
    losses = curve.losses(steps)
    evaluations = curve.evaluations(steps)
    lines = [
        Line("", _PALE, losses, 1.0),
        Line("training", _VIOLET, smoothed(losses, max(1, len(losses) // 20)), 2.0),
        Line("evaluation", _ORANGE, evaluations, 2.0, dots=True),
    ]
    return Panel("Loss", "steps", lines)


def _usage(made: Made) -> str:
    return _USE + (_CHAT if made.chats else _TEXT) + _ANSWER


def _where(made: Made) -> Iterator[tuple[str, str]]:
    yield from surroundings().items()
    seconds = made.curve.seconds(made.fitted.steps)
    if seconds:
        yield "Time", f"{seconds:,.0f} seconds, {made.fitted.tokens / seconds:,.0f} tokens a second"
