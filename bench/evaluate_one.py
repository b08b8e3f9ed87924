"""One run of one task in this process: `python -m bench.evaluate_one WHO MODEL TASK_FILE`.

Prints seconds, scores, and the log-likelihood of every choice as one line of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["ALLOY_CPU_DTYPE"] = "float32"
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

BATCH = 16
Figures = dict[str, Any]
Run = Callable[[int | None], tuple[dict[str, float], list[float]]]
"""Of so many documents, or all: scores, and log-likelihoods in the documents' order."""


def main() -> None:
    who, model, file = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    run = {"ours": ours, "harness": harness}[who](model, file)
    run(2)
    began = time.perf_counter()
    scores, totals = run(None)
    print(json.dumps({"seconds": time.perf_counter() - began, "scores": scores, "totals": totals}))


def ours(model: Path, file: Path) -> Run:
    from alloyengine.evaluate.harness.task import run_task
    from alloyengine.evaluate.models import load
    from alloyengine.spec.evaluate import Task

    loaded = load(model)

    def run(limit: int | None) -> tuple[dict[str, float], list[float]]:
        found = run_task(loaded, Task(file="task", limit=limit), {"task": file}, BATCH)
        scores = {figure["metric"]: round(figure["value"], 6) for figure in found.figures}
        return scores, [total for each in found.samples for total, _ in each["responses"]]

    return run


def harness(model: Path, file: Path) -> Run:
    import yaml
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    runner = HFLM(pretrained=str(model), dtype="float32", batch_size=BATCH, device="cpu")
    manager = TaskManager(include_defaults=False)
    config = yaml.safe_load(file.read_text())
    files = config["dataset_kwargs"]["data_files"]
    places = {split: str(file.parent / name) for split, name in files.items()}

    def run(limit: int | None) -> tuple[dict[str, float], list[float]]:
        task = config | {"dataset_kwargs": {"data_files": dict(places)}}
        loaded = manager.load([task])
        for each in loaded["tasks"].values():
            each.set_fewshot_seed(seed=1234)
        found = evaluate(lm=runner, task_dict=loaded, limit=limit, bootstrap_iters=1000)
        [(name, measured)] = found["results"].items()
        samples = found["samples"][name]
        scores = {key: round(measured[f"{key},none"], 6) for key in ("acc", "acc_norm")}
        return scores, [total for each in samples for total, _ in each["filtered_resps"]]

    return run


if __name__ == "__main__":
    main()
