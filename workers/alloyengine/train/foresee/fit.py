"""Refuses what can't fit, with what would; and cuts batches into parts that do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alloyengine.errors import InputError
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import LoraTuning, SpectrumTuning
from alloyengine.train.batches import PART_TOKENS
from alloyengine.train.foresee.estimate import logit_bytes, memory_of, token_bytes
from alloyengine.train.foresee.hardware import Room
from alloyengine.train.foresee.sizes import Sizes, sizes_of

_USED = 0.95  # of what is free


@dataclass(frozen=True)
class _Way:
    """A smaller spec, in the words of one who writes it."""

    words: str
    changes: dict[str, object]


_WAYS = (
    _Way("gradient_checkpointing: true", {"gradient_checkpointing": True}),
    _Way(
        "tuning: {method: spectrum, percent: 25, train_embeddings: false}",
        {"tuning": SpectrumTuning(percent=25, train_embeddings=False)},
    ),
    _Way("tuning: {method: lora}", {"tuning": LoraTuning()}),
    _Way(
        "tuning: {method: lora} with gradient_checkpointing: true",
        {"tuning": LoraTuning(), "gradient_checkpointing": True},
    ),
)


def check_room(
    spec: TrainSpec, inputs: Mapping[str, Path], sizes: Sizes, room: Room, longest: int = 0
) -> None:
    """InputError when not even one example of `longest` tokens fits into memory."""
    needed, there = _needed(spec, sizes, room, longest), _USED * room.free
    if needed <= there:
        return
    raise InputError(
        "too_little_memory",
        f"Training needs {needed / 1e9:.1f} GB of memory, and {room.free / 1e9:.1f} GB are free: "
        f"{_parts(spec, sizes, room, longest)}.",
        " ".join(_remedies(spec, inputs, room, longest, there))
        or "Take a larger machine or a smaller model.",
    )


def make_fit(spec: TrainSpec, sizes: Sizes, room: Room) -> int:
    """How many tokens may be worked on at once, at most."""
    left = _USED * room.free - _needed(spec, sizes, room, 0)
    each = token_bytes(spec, sizes) + logit_bytes(spec, sizes)
    return max(1, min(PART_TOKENS, int(left / max(1.0, each))))


def _needed(spec: TrainSpec, sizes: Sizes, room: Room, tokens: int) -> int:
    """Beside what the process has already."""
    return sum(memory_of(spec, sizes, Room(room.free, 0), tokens, tokens).values())


def _parts(spec: TrainSpec, sizes: Sizes, room: Room, tokens: int) -> str:
    found = memory_of(spec, sizes, Room(room.free, 0), tokens, tokens).items()
    return ", ".join(f"{size / 1e9:.1f} for {what}" for what, size in found if size > 5e7)


def _remedies(
    spec: TrainSpec, inputs: Mapping[str, Path], room: Room, longest: int, there: float
) -> Iterator[str]:
    for way in _WAYS:
        smaller = spec.model_copy(update=way.changes)
        needed = _needed(smaller, sizes_of(smaller, inputs), room, longest)
        if needed <= there and smaller != spec:
            yield f"With {way.words} it takes {needed / 1e9:.1f} GB."
