"""A model that is evaluated: loaded when it is first needed, and never when all is known already."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloyengine.checkpoint.digest import file_digest
from alloyengine.evaluate.answering import Said, ask, graded, told
from alloyengine.evaluate.examples import Advance, Row, question
from alloyengine.evaluate.kept import Kept
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evaluate.score import score
from alloyengine.spec.evaluate import Task, TestSet
from alloyengine.spec.metrics import METRICS
from alloyengine.spec.result import Cost
from alloyengine.train.data import Messages

if TYPE_CHECKING:
    from alloyengine.evaluate.harness.task import Outcome, Watch

Json = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """On a test set; without a value where a judge has yet to speak."""

    value: float | None
    stderr: float | None
    results: list[Json]
    cost: Cost


@dataclass(frozen=True)
class Answers:
    """To several questions, in their order."""

    said: list[Said]
    seconds: float
    memory: int


class Subject:
    def __init__(self, path: Path, keep: bool) -> None:
        self._path, self._kept = path, Kept(path, keep)

    @cached_property
    def loaded(self) -> Loaded:
        return load(self._path)

    def on_set(self, test: TestSet, rows: list[Row], batch_size: int, advance: Advance) -> Scored:
        if METRICS[test.metric].answers:
            questions = [question(row, test.metric) for row in rows]
            asked = [q.messages for q in questions]
            found = self.answers(asked, test.max_new_tokens, batch_size, advance)
            return scored(test, told(questions, found.said), found.seconds, found.memory)
        return self._by_likelihood(test, rows, batch_size, advance)

    def answers(
        self, asked: Sequence[Messages], longest: int, batch_size: int, advance: Advance
    ) -> Answers:
        """Of at most `longest` tokens each."""

        def compute() -> Json:
            loaded = self.loaded
            begun = time.perf_counter()
            said = ask(loaded, asked, longest, batch_size, advance)
            seconds = time.perf_counter() - begun
            rows = [[one.text, one.read, one.written] for one in said]
            return {"said": rows, "seconds": seconds, "memory": loaded.memory}

        about = {"asked": digest_of(asked), "max_new_tokens": longest}
        found, known = self._kept.result(about, compute)
        if known:
            advance(len(asked))
        said = [Said(*row) for row in found["said"]]
        return Answers(said, found["seconds"], found["memory"])

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

        about = task.model_dump(mode="json", exclude={"file", "data"})
        asked = {"task": about, "files": list(digests), "harness": version("lm-eval")}
        found, _ = self._kept.result(asked, compute)
        return Outcome(**found)

    def _by_likelihood(
        self, test: TestSet, rows: list[Row], batch_size: int, advance: Advance
    ) -> Scored:
        def compute() -> Json:
            loaded = self.loaded
            begun = time.perf_counter()
            figure, results = score(loaded, test, rows, batch_size, advance)
            cost = Cost(seconds=time.perf_counter() - begun, memory=loaded.memory)
            told = {"value": figure.value, "stderr": figure.stderr, "results": results}
            return {**told, "cost": cost.model_dump()}

        about = test.model_dump(mode="json", exclude={"dataset", "limit", "max_new_tokens"})
        found, known = self._kept.result({"set": about, "rows": digest_of(rows)}, compute)
        if known:
            advance(len(rows))
        return Scored(**{**found, "cost": Cost(**found["cost"])})


def scored(test: TestSet, answers: list[Json], seconds: float, memory: int) -> Scored:
    """Graded, unless it is for a judge to do."""
    cost = Cost(
        seconds=seconds,
        memory=memory,
        read=sum(row["read"] for row in answers),
        written=sum(row["written"] for row in answers),
    )
    if test.metric == "win_rate":
        return Scored(None, None, answers, cost)
    figure, results = graded(test, answers)
    return Scored(figure.value, figure.stderr, results, cost)


def digest_of(rows: Sequence[Any]) -> str:
    told = json.dumps(rows, default=asdict, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def files_digest(path: Path) -> str:
    """Of a file, or of all files of a folder and their names."""
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    lines = (f"{file.name} {file_digest(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
