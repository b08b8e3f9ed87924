"""Time and memory of a run: counted from the model's sizes and the data's layout."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from alloyengine.loading import is_fast
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AdapterTuning
from alloyengine.spectrum.memory import TRAINED, WEIGHT
from alloyengine.train.batches import Part, batches, steps_of
from alloyengine.train.encode import IGNORED
from alloyengine.train.foresee.hardware import Room, Speed
from alloyengine.train.foresee.sizes import Sizes
from alloyengine.train.objectives import Objective

_SAMPLED = 64  # batches
# Measured on Llama-shaped models, where they hold within a tenth: what a layer keeps of a token for
# its backward pass beside the outputs of its matrices, in hidden states and in widest outputs.
_KEPT_STATES, _KEPT_WIDE = 6, 2
_ADAPTED = (
    2  # times the outputs of the matrices: an adapter's own, and their sum with the frozen one's
)
# Of time, fitted to SmolLM2's steps on two cores: full, Spectrum, LoRA, checkpointing, 64 to 2,048 tokens.
_REACHED = 0.87  # of the measured speed of products: some matrices are small
_TOUCHES = 28  # times that what is kept of a token is read or written apart from products
_UPDATE = 64  # bytes moved for a trained weight: casts, gradient's norm and clipping, AdamW
_CALLS = 150  # small operations, there and back, that a layer takes however few the tokens are
_SETTLED = 0.03  # of what is counted: what memory loses to fragments
_HEAD = 150 << 20  # bytes for the loss, some places at a time
_LOGITS = 16  # bytes of each logit where all are held: itself, its logarithm, their gradients
_FOUR_BITS = 0.56  # bytes of a quantised weight, with its share of the scales


@dataclass(frozen=True)
class Load:
    """A part of a batch: `rows` examples of `width` tokens, of which `learned` in all are learned."""

    rows: int
    width: int
    prefix: int
    learned: int
    packed: bool

    @property
    def tokens(self) -> int:
        return self.prefix + self.rows * self.width


@dataclass(frozen=True)
class Estimate:
    """Bytes at the highest by what they are for, and seconds."""

    memory: Mapping[str, int]
    seconds: float
    steps: int

    @property
    def peak(self) -> int:
        return sum(self.memory.values())


def estimate_of(
    spec: TrainSpec,
    sizes: Sizes,
    loads: Sequence[Sequence[Load]],
    room: Room,
    speed: Speed,
    steps: int,
) -> Estimate:
    """`loads`: of some batches, the parts of each."""
    tokens = max(load.tokens for parts in loads for load in parts)
    learned = max(load.learned for parts in loads for load in parts)
    each = statistics.fmean(
        sum(_seconds(load, spec, sizes, speed) for load in parts) for parts in loads
    )
    update = sizes.trained * _UPDATE / speed.moves
    memory = memory_of(spec, sizes, room, tokens, learned)
    return Estimate(memory, steps * (each + update), steps)


def memory_of(
    spec: TrainSpec, sizes: Sizes, room: Room, tokens: int, learned: int
) -> dict[str, int]:
    """With so many tokens at once, of which so many are learned."""
    found = {
        "the process itself": room.process,
        "weights": _weights(spec, sizes),
        "gradients and optimiser": TRAINED * sizes.trained,
        "activations": round(tokens * token_bytes(spec, sizes)),
        "loss": _loss(spec, sizes, learned),
    }
    return found | {"fragments": round(_SETTLED * sum(found.values()))}


def token_bytes(spec: TrainSpec, sizes: Sizes) -> float:
    """Kept of one token for the backward pass."""
    kept: float = _kept(spec, sizes)
    if spec.gradient_checkpointing and sizes.layers:
        kept = sizes.layers * sizes.width + kept / sizes.layers
    return kept * (2.6 if is_fast("bfloat16") else 4)


def logit_bytes(spec: TrainSpec, sizes: Sizes) -> int:
    """Of a learned token, where the objective looks at all its logits; else 0."""
    return sizes.vocabulary * _LOGITS if spec.objective.method in ("dpo", "distill") else 0


def loads_of(objective: Objective[Any], spec: TrainSpec, share: bool) -> list[list[Load]]:
    """Some batches of the first epoch, as the first of the processes that share them is given them."""
    order = batches(objective.items, spec.batch_size, spec.seed, objective.tokens)
    count = min(_SAMPLED, steps_of(len(objective.items), spec.batch_size, 1, None))
    return [
        [_load(part) for part in objective.layout(batch[:: spec.resources.processes], share)]
        for batch in islice(order, count)
    ]


def _load(part: Part) -> Load:
    rows, width = part.tokens.shape
    learned = int((part.following != IGNORED).sum())
    return Load(rows, width, len(part.prefix), learned, part.positions is not None)


def _loss(spec: TrainSpec, sizes: Sizes, learned: int) -> int:
    held = learned * sizes.vocabulary * _LOGITS
    return held if logit_bytes(spec, sizes) else min(held, _HEAD)


def _weights(spec: TrainSpec, sizes: Sizes) -> int:
    """Everything in float32 first: frozen matrices may shrink later, which the peak never sees."""
    width = _FOUR_BITS if spec.tuning.method == "qlora" else WEIGHT
    return round(width * sizes.parameters) + sizes.beside


def _kept(spec: TrainSpec, sizes: Sizes) -> int:
    """Numbers kept of a token without checkpointing."""
    adapted = isinstance(spec.tuning, AdapterTuning)
    outputs = sizes.outputs * (1 + _ADAPTED if adapted else 1)
    return outputs + _KEPT_STATES * sizes.layers * sizes.width + _KEPT_WIDE * sizes.widest


def _seconds(load: Load, spec: TrainSpec, sizes: Sizes, speed: Speed) -> float:
    """Forward, backward to the layer below, and backward to the trained weights. An accelerator works
    while the next operations are called; a CPU does one after the other.
    """
    again = 1 if spec.gradient_checkpointing else 0
    inside = load.tokens * ((2 + again) * sizes.matrices + sizes.learned + sizes.asked)
    ends = load.learned * sizes.head * (3 if sizes.head_learned else 2)
    seen = load.rows * load.width * (load.width + load.prefix) + load.prefix**2
    attention = seen * sizes.width * sizes.layers * (1 if load.packed else 0.6) * (3.5 + again) * 2
    kept = _kept(spec, sizes)
    passes = 1 + again / 3  # forward is a third of what is not products
    moved = passes * load.tokens * kept * _TOUCHES * (2 if is_fast("bfloat16") else 4)
    products = (2 * (inside + ends) + attention) / (_REACHED * speed.products)
    works, calls = products + moved / speed.moves, passes * sizes.layers * _CALLS * speed.call
    return max(works, calls) if torch.cuda.is_available() else works + calls
