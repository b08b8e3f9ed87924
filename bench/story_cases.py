"""What `bench story` makes of two specialists. Pure: no model is opened here."""

from typing import Any

from alloyworks.cli.demo.story import ANSWER_TOKENS
from bench.evolve_cases import GRID, SEARCHED
from bench.scores_cases import BASE, FIRST, SECOND

Raw = dict[str, Any]
SEARCH, REPORT = "search", "report"
EVOLVED = "evolved ties"
EVALUATIONS = 60
ANSWERED = {"metric": "exact_match", "max_new_tokens": ANSWER_TOKENS}
MERGES = {f"merged: {name}": recipe for name, recipe in GRID.items()}
BEST_SHOWN = 5  # of the merges, in the picture

_EXPERTS = [
    {
        "source_model": FIRST,
        "positive_prompts": ["What is the chemical symbol of gold?", "Give the symbol for tin."],
    },
    {
        "source_model": SECOND,
        "positive_prompts": ["What is the capital of France?", "Name the capital of Japan."],
    },
]


def _experts(gate: str, each: int) -> Raw:
    return {
        "base_model": BASE,
        "gate_mode": gate,
        "experts_per_token": each,
        "experts": _EXPERTS,
    }


EXPERTS: dict[str, Raw] = {
    "experts: hidden, 1 of 2 a token": _experts("hidden", 1),
    "experts: hidden, both": _experts("hidden", 2),
    "experts: cheap_embed, both": _experts("cheap_embed", 2),
}


def evolution() -> Raw:
    """Searches with one half of each test set; the other is everybody's report."""
    tasks = [
        {"dataset": f"{task}-{SEARCH}", "report": f"{task}-{REPORT}", **ANSWERED}
        for task in (FIRST, SECOND)
    ]
    return {
        "kind": "evolve",
        "recipe": SEARCHED,
        "tasks": tasks,
        "budget": {"evaluations": EVALUATIONS},
    }


def evaluation(models: list[str]) -> Raw:
    """All models, and the specialists as agents behind the base, and behind each other."""
    return {
        "kind": "evaluate",
        "models": models,
        "test_sets": [{"dataset": f"{task}-{REPORT}", **ANSWERED} for task in (FIRST, SECOND)],
        "mixtures": [
            {"name": f"agents: {last} decides", "layers": [[FIRST, SECOND]], "aggregator": last}
            for last in (BASE, FIRST, SECOND)
        ],
    }
