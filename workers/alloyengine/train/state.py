"""Checkpoints of a run: all that it needs to go on as if nothing had happened.

<folder>/step-000120/state.json               step, losses, what the run is
<folder>/step-000120/weights.safetensors      the trained weights, float32
<folder>/step-000120/optimiser.safetensors    AdamW's means, and the random state

A checkpoint is written beside and renamed when it is complete. Of data nothing is kept: the order of
examples follows from the seed. No pickle: what is read here is but numbers. They are complete, however
many processes share the run: it may go on with another number of them.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from alloyengine.errors import InputError
from alloyengine.spec.train import TrainSpec
from alloyengine.train.parallel import ALONE, World, filled, whole

KEPT = 2  # older ones are deleted
_STATE, _WEIGHTS, _OPTIMISER = "state.json", "weights.safetensors", "optimiser.safetensors"
_RANDOM = "random"
_KEPT_OF_EACH = ("step", "exp_avg", "exp_avg_sq")
# What may be another when a run goes on.
_FREE = {"name", "checkpoint_minutes", "resources", "save", "forgetting"}

Weights = Mapping[str, torch.nn.Parameter]


@dataclass
class State:
    """Where a run is, apart from its numbers."""

    step: int = 0
    tokens: int = 0
    recent: list[float] = field(default_factory=list)
    best: float | None = None
    best_evaluation: float | None = None
    since_best: int = 0


def identity(spec: TrainSpec, data: str) -> str:
    """What a checkpoint must be of: the spec and the data it was made with."""
    told = spec.model_dump(mode="json", exclude=_FREE)
    return sha256(json.dumps([told, data], sort_keys=True).encode()).hexdigest()


def save(
    folder: Path, of: str, state: State, weights: Weights, optimiser: Any, world: World = ALONE
) -> None:
    """A checkpoint, complete or not at all, written by the first process; all must ask."""
    numbers, moments = whole(weights, world), _moments(weights, optimiser, world)
    if world.leads:
        _write(folder, of, state, numbers, moments | _random())


def _write(
    folder: Path,
    of: str,
    state: State,
    weights: Mapping[str, Tensor],
    rest: Mapping[str, Tensor],
) -> None:
    place = folder / f"step-{state.step:06}"
    draft = place.with_suffix(".partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file(dict(weights), draft / _WEIGHTS)
    save_file(dict(rest), draft / _OPTIMISER)
    (draft / _STATE).write_text(
        json.dumps({"of": of, **asdict(state)}, allow_nan=False), encoding="utf-8"
    )
    for path in draft.iterdir():
        _flush(path)
    shutil.rmtree(place, ignore_errors=True)
    draft.rename(place)
    for old in _all(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def load(
    folder: Path, of: str, weights: Weights, optimiser: Any, world: World = ALONE
) -> State | None:
    """The latest checkpoint into weights and optimiser; None when there is none. InputError when it
    is of another run. The first process reads it, and all must ask.
    """
    told = world.told(lambda: _latest(folder))
    if told is None:
        return None
    if told.pop("of") != of:
        raise InputError(
            "checkpoint_of_another",
            f"The checkpoints in {folder.name} are of another spec or other data.",
            "Name another output folder, or delete them to begin anew.",
        )
    place = folder / told.pop("place")
    fill(weights, place / _WEIGHTS, world)
    kept = load_file(place / _OPTIMISER) if world.leads else {}
    if world.alone:
        _set_random(kept)
    _restore(weights, optimiser, kept, world)
    return State(**told)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _latest(folder: Path) -> dict[str, Any] | None:
    found = _all(folder)
    if not found:
        return None
    told = json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))
    return {**told, "place": found[-1].name}


def _all(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(
            path for path in folder.iterdir() if (path / _STATE).is_file() and not path.suffix
        )
    return []


def _moments(weights: Weights, optimiser: Any, world: World) -> dict[str, Tensor]:
    found = {
        f"{what}.{name}": optimiser.state[weight][what]
        for name, weight in weights.items()
        if weight in optimiser.state
        for what in _KEPT_OF_EACH
    }
    return whole(found, world)


def _restore(weights: Weights, optimiser: Any, kept: Mapping[str, Tensor], world: World) -> None:
    first, *others = _KEPT_OF_EACH
    steps = world.told(lambda: {name: kept.get(f"{first}.{name}") for name in weights})
    for name, weight in weights.items():
        if (step := steps[name]) is not None:
            means = {what: filled(weight, kept.get(f"{what}.{name}")) for what in others}
            optimiser.state[weight] = {first: step.to(weight.device), **means}


def fill(weights: Weights, file: Path, world: World) -> None:
    """Copies what was kept, complete, into weights that may be sharded. The first process reads it, and
    all must ask.
    """
    kept = load_file(file) if world.leads else {}
    names = world.told(lambda: set(kept))
    if weights.keys() != names:
        name = min(weights.keys() ^ names)
        raise InputError("checkpoint_of_another", f"The checkpoint does not agree about {name!r}.")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(filled(weight, kept.get(name)))


def _random() -> dict[str, Tensor]:
    found = {f"{_RANDOM}.cpu": torch.get_rng_state()}
    for number, state in enumerate(
        torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ()
    ):
        found[f"{_RANDOM}.cuda.{number}"] = state
    return found


def _set_random(kept: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(kept[f"{_RANDOM}.cpu"])
    for number in range(torch.cuda.device_count()):
        if (state := kept.get(f"{_RANDOM}.cuda.{number}")) is not None:
            torch.cuda.set_rng_state(state, number)


def _flush(path: Path) -> None:
    """To the disk: a checkpoint must outlive the machine's power."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
