"""Tasks for lm-evaluation-harness with documents beside them, one for each kind of request."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

NAMES = ["gold", "tin", "iron", "lead", "silver", "a heavy metal", "copper", "zinc"]
DOCS = [
    {
        "question": f"What is the symbol of {name}?",
        "choices": ["Au", "Sn is it, or so", "Fe", f"{name[:2]}"],
        "answer": number % 4,
        "text": f"The symbol of {name} is not told. " * (number + 1),
    }
    for number, name in enumerate(NAMES)
]
CHOICE: dict[str, Any] = {
    "task": "metals",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"train": "shots.jsonl", "test": "docs.jsonl"}},
    "fewshot_split": "train",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [
        {"metric": name, "aggregation": "mean", "higher_is_better": True}
        for name in ("acc", "acc_norm")
    ],
}
LIKELIHOOD = CHOICE | {
    "output_type": "loglikelihood",
    "doc_to_target": " {{choices[answer]}}",
    "metric_list": [
        {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
    ],
}
ROLLING = CHOICE | {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "text",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "bits_per_byte")],
}
GENERATE = CHOICE | {
    "output_type": "generate_until",
    "doc_to_target": "{{choices[answer]}}",
    "generation_kwargs": {"until": ["e", "\n"], "max_gen_toks": 12, "do_sample": False},
    "filter_list": [
        {"name": "raw", "filter": [{"function": "take_first"}]},
        {
            "name": "first-word",
            "filter": [
                {"function": "regex", "regex_pattern": r"(\w+)"},
                {"function": "take_first"},
            ],
        },
    ],
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
for config in (LIKELIHOOD, ROLLING, GENERATE):
    config.pop("doc_to_choice")


@pytest.fixture(autouse=True)
def documents_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are kept by the datasets package; not in the home of whoever tests."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))


def written(folder: Path, config: dict[str, Any], docs: list[dict[str, Any]] = DOCS) -> Path:
    for name, some in (("docs", docs), ("shots", DOCS[::-1])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in some))
    (folder / "task.yaml").write_text(yaml.safe_dump(config))
    return folder / "task.yaml"
