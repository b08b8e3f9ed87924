"""Tasks to measure with, made of what a package knows about countries. Pure but for `write`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from alloyworks.cli.demo import data

Doc = dict[str, Any]
SHOTS = 20  # solved questions to draw from
LETTERS = ["A", "B", "C", "D"]
STORY = (
    "The traveller set out early, with a map that was older than herself and bread for two days. "
    "On the evening of the third day she crossed the border of {country}. She asked the first man "
    "she met for the way to the capital. He thought about it for a moment, looked at her shoes, "
    "pointed down the road and said that"
)
ENDING = "it was a long walk to {city}, but that the road was good."


@dataclass(frozen=True)
class Fact:
    country: str
    cities: list[str]  # four, its capital among them
    right: int

    def story(self) -> Doc:
        endings = [ENDING.format(city=city) for city in self.cities]
        return self._doc(STORY.format(country=self.country), endings)

    def question(self) -> Doc:
        return self._doc(f"Question: What is the capital of {self.country}?\nAnswer:", self.cities)

    def letters(self) -> Doc:
        listed = "\n".join(f"{a}. {b}" for a, b in zip(LETTERS, self.cities, strict=True))
        asked = f"Question: Which city is the capital of {self.country}?\n{listed}\nAnswer:"
        return self._doc(asked, LETTERS)

    def _doc(self, context: str, choices: list[str]) -> Doc:
        return {"context": context, "choices": choices, "answer": self.right}


@dataclass(frozen=True)
class Task:
    """`asked`: whether the target, twice the speed, is about it: whether prefixes are shared that the
    harness reads again and again.
    """

    name: str
    doc: Callable[[Fact], Doc]
    shots: int = 0
    sampler: str = "first_n"
    asked: bool = True
    examples: int = 24

    def write(self, folder: Path) -> Path:
        """The task's file; its documents lie beside it."""
        made = [self.doc(fact) for fact in facts()[: SHOTS + self.examples]]
        for name, some in (("shots", made[:SHOTS]), ("docs", made[SHOTS:])):
            lines = (json.dumps(doc, ensure_ascii=False) + "\n" for doc in some)
            (folder / f"{name}.jsonl").write_text("".join(lines))
        (folder / "task.yaml").write_text(yaml.safe_dump(self.config()))
        return folder / "task.yaml"

    def config(self) -> Doc:
        means = {"aggregation": "mean", "higher_is_better": True}
        return {
            "task": "measured",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"train": "shots.jsonl", "test": "docs.jsonl"}},
            "fewshot_split": "train",
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{context}}",
            "doc_to_choice": "choices",
            "doc_to_target": "answer",
            "num_fewshot": self.shots,
            "fewshot_config": {"sampler": self.sampler},
            "metric_list": [{"metric": name, **means} for name in ("acc", "acc_norm")],
        }


@cache
def facts() -> tuple[Fact, ...]:
    """The most populous countries, each with its capital among three others."""
    said = [row["messages"] for row in data.capitals() if row["split"] == "test"]
    beginning, end = data.CAPITAL_TEST.split("{}")
    known = [
        (asked["content"].removeprefix(beginning).removesuffix(end), answer["content"])
        for asked, answer in said
    ]
    random = Random(0)
    made = []
    for country, capital in known:
        others = random.sample([city for _, city in known if city != capital], 3)
        cities = random.sample([capital, *others], 4)
        made.append(Fact(country, cities, cities.index(capital)))
    return tuple(made)


TASKS = (
    Task("endings", Fact.story),
    Task("5-shot", Fact.question, shots=5),
    Task("5-shot drawn", Fact.question, shots=5, sampler="default"),
    Task("letters 5-shot", Fact.letters, shots=5),
    Task("letters", Fact.letters, asked=False),
)
