"""Every candidate of a search, a line each, written as soon as it is scored.

<folder>/candidates.jsonl        first what search it is, then the candidates
<folder>/step-000120/state.json  after 120 candidates: a mark that tells that there is something to go on from

A search that was cut off is done again from its first candidate, but for the answers, which are here:
CMA-ES asks for the same points when it is told the same. So nothing else need be kept.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError

from alloyengine.errors import InputError
from alloyengine.spec.base import Spec
from alloyengine.spec.merge import Recipe

NAME = "candidates.jsonl"
_KEPT = 2  # marks; an older one may be on its way elsewhere


class Answered(Spec):
    """A task, and how a candidate did in it."""

    worth: float = Field(description="Of the questions asked; larger is better")
    asked: int


class Candidate(Spec):
    """A recipe that was tried."""

    number: int
    generation: int = Field(description="0: the recipe that the search began with")
    point: tuple[float, ...] = Field(description="Where it is, from 0 to 1 of each range")
    numbers: dict[str, float | list[float]] = Field(description="The recipe's, by their places")
    tasks: list[Answered] = Field(default_factory=list)
    score: float | None = Field(None, description="The weighted mean; none: it failed")
    whole: bool = Field(True, description="Were all questions asked? Else it was given up")
    silent: bool = Field(False, description="Not one answer had a word")
    failure: str = ""
    making: float = Field(0.0, description="Seconds")
    scoring: float = Field(0.0, description="Seconds")
    recipe: Recipe

    @property
    def worths(self) -> tuple[float, ...]:
        return tuple(task.worth for task in self.tasks)

    @property
    def seconds(self) -> float:
        return self.making + self.scoring


class History:
    """The candidates so far; with a folder, they outlive the process."""

    def __init__(self, folder: Path | None, known: list[Candidate]) -> None:
        self._folder, self._known = folder, known
        self.candidates: list[Candidate] = []

    @classmethod
    def open(cls, folder: Path | None, of: str) -> Self:
        """InputError when the folder has the candidates of another search."""
        if folder is None:
            return cls(None, [])
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / NAME
        lines = _whole_lines(file)
        if not lines:
            _write(file, json.dumps({"of": of}), "w")
            return cls(folder, [])
        if lines[0] != {"of": of}:
            raise _of_another(folder)
        return cls(folder, [_read(line, folder) for line in lines[1:]])

    @property
    def resumed(self) -> int:
        """So many were scored before."""
        return len(self._known)

    def recall(self, point: tuple[float, ...]) -> Candidate | None:
        """The next candidate, if it was scored before. InputError when it was another."""
        number = len(self.candidates)
        if number >= len(self._known):
            return None
        found = self._known[number]
        if found.point != point:
            raise _of_another(self._folder or Path())
        self.candidates.append(found)
        return found

    def keep(self, candidate: Candidate) -> None:
        if self._folder is not None:
            _write(self._folder / NAME, candidate.model_dump_json(exclude_defaults=True), "a")
        self.candidates.append(candidate)

    def mark(self) -> None:
        """Tells whoever takes checkpoints elsewhere that there are new candidates."""
        if self._folder is None or not self.candidates:
            return
        place = self._folder / f"step-{len(self.candidates):06}"
        if place.exists():
            return
        draft = place.with_suffix(".partial")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        (draft / "state.json").write_text(json.dumps({"candidates": len(self.candidates)}))
        draft.rename(place)
        for old in sorted(self._folder.glob("step-??????"))[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def write(self, file: Path) -> None:
        """All of them, for people and programs."""
        lines = (json.dumps(candidate.model_dump(mode="json")) for candidate in self.candidates)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _whole_lines(file: Path) -> list[Any]:
    """What a kill has cut short is taken off the file."""
    if not file.is_file():
        return []
    found, end = [], 0
    for line in file.read_bytes().splitlines(keepends=True):
        try:
            found.append(json.loads(line))
        except ValueError:
            break
        if not line.endswith(b"\n"):
            found.pop()
            break
        end += len(line)
    os.truncate(file, end)
    return found


def _read(line: Any, folder: Path) -> Candidate:
    try:
        return Candidate.model_validate(line)
    except ValidationError:
        raise _of_another(folder) from None


def _write(file: Path, line: str, mode: str) -> None:
    with file.open(mode, encoding="utf-8") as out:
        out.write(f"{line}\n")
        out.flush()
        os.fsync(out.fileno())


def _of_another(folder: Path) -> InputError:
    return InputError(
        "checkpoint_of_another",
        f"The candidates in {folder.name} are of another search or other data.",
        "Name another output folder, or delete them to begin anew.",
    )
