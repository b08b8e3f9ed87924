"""A model that is evaluated: loaded when it is first needed, and never when all is known already."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloyengine.checkpoint.digest import file_digest
from alloyengine.evaluate.answering import ask
from alloyengine.evaluate.examples import Advance, Row, question
from alloyengine.evaluate.kept import Kept
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evaluate.score import score
from alloyengine.spec.evaluate import Task, TestSet

if TYPE_CHECKING:
    from alloyengine.evaluate.harness.task import Outcome, Watch

Json = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """On a test set; without a value where a judge has yet to speak. `known`: from the cache."""

    value: float | None
    stderr: float | None
    results: list[Json]
    known: bool


class Subject:
    def __init__(self, path: Path, keep: bool) -> None:
        self._path, self._kept = path, Kept(path, keep)

    @cached_property
    def loaded(self) -> Loaded:
        return load(self._path)

    def on_set(
        self, test: TestSet, rows: list[Row], digest: str, batch_size: int, advance: Advance
    ) -> Scored:
        """`digest` is that of the rows."""

        def compute() -> Json:
            if test.metric == "win_rate":
                return {
                    "value": None,
                    "stderr": None,
                    "results": self._answers(test, rows, batch_size, advance),
                }
            figure, results = score(self.loaded, test, rows, batch_size, advance)
            return {"value": figure.value, "stderr": figure.stderr, "results": results}

        asked = {"set": test.model_dump(mode="json", exclude={"dataset"}), "rows": digest}
        found, known = self._kept.result(asked, compute)
        return Scored(**found, known=known)

    def on_task(
        self,
        task: Task,
        inputs: Mapping[str, Path],
        digests: Sequence[str],
        batch_size: int,
        watch: "Watch",
    ) -> "Outcome":
        """`digests` are those of the task's own files."""
        from alloyengine.evaluate.harness.task import Outcome, run_task

        def compute() -> Json:
            return asdict(run_task(self.loaded, task, inputs, batch_size, watch))

        told = task.model_dump(mode="json", exclude={"file", "data"})
        asked = {"task": told, "files": list(digests), "harness": version("lm-eval")}
        found, _ = self._kept.result(asked, compute)
        return Outcome(**found)

    def _answers(
        self, test: TestSet, rows: list[Row], batch_size: int, advance: Advance
    ) -> list[Json]:
        questions = [question(row, test.metric) for row in rows]
        answers = ask(self.loaded, questions, test.max_new_tokens, batch_size, advance)
        return [
            {"prompt": q.messages, "expected": q.expected, "answer": said}
            for q, said in zip(questions, answers, strict=True)
        ]


def rows_digest(rows: Sequence[Row]) -> str:
    told = json.dumps(rows, default=asdict, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def files_digest(path: Path) -> str:
    """Of a file, or of all files of a folder and their names."""
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    lines = (f"{file.name} {file_digest(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
