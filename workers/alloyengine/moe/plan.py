"""Works out the whole sparse model from the headers alone: its tensors, where their rows come from, and
its config.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from alloyengine.checkpoint import TensorInfo
from alloyengine.checkpoint.dtypes import FLOATS, code_of
from alloyengine.checkpoint.structure import Stack
from alloyengine.merge.declare import Settings
from alloyengine.merge.members import Member
from alloyengine.merge.methods import METHODS
from alloyengine.merge.plan import NARROW
from alloyengine.merge.source import Source, Stored
from alloyengine.merge.steps import Step, columns_of
from alloyengine.moe.config import config_of
from alloyengine.moe.gates import Gates
from alloyengine.moe.kinds import Kind, Matrix, Part
from alloyengine.moe.source import Altered, Given, Joined, Piece
from alloyengine.spec.moe import Expert, MoeRecipe

_AS_IT_IS = METHODS["passthrough"]
_NOTHING = Settings({}, ({},))


@dataclass(frozen=True)
class Plan:
    """All that is to be written."""

    kind: Kind
    steps: tuple[Step, ...]
    config: dict[str, Any]
    active: int  # weights that each token meets

    @property
    def layout(self) -> dict[str, TensorInfo]:
        return {step.tensor: TensorInfo(step.shape, step.dtype) for step in self.steps}


def make_plan(
    recipe: MoeRecipe, members: Mapping[str, Member], kind: Kind, stack: Stack, gates: Gates
) -> Plan:
    """`stack`: the base's layers, of models that `fit.check` found to fit."""
    planner = _Planner(recipe, members, kind, stack, gates)
    steps = tuple(planner.steps())
    dtype = recipe.dtype
    config = config_of(recipe, members[recipe.base_model], kind, planner.inner)
    if dtype:
        config.pop("torch_dtype", None)
        config["dtype"] = dtype
    idle = (len(recipe.experts) - recipe.experts_per_token) * planner.expert_size * stack.length
    return Plan(kind, steps, config, sum(step.numel for step in steps) - idle)


@dataclass(frozen=True)
class _Planner:
    recipe: MoeRecipe
    members: Mapping[str, Member]
    kind: Kind
    stack: Stack
    gates: Gates

    @property
    def base(self) -> Member:
        return self.members[self.recipe.base_model]

    @property
    def inner(self) -> int:
        """Rows of the matrices gate and up."""
        return self._info(0, "gate").shape[0]

    @property
    def expert_size(self) -> int:
        """Weights of one expert in one layer."""
        return sum(self._info(0, matrix).numel for matrix in self.kind.mlp)

    def steps(self) -> Iterator[Step]:
        """In the order of the base's file; a layer's experts follow its other tensors."""
        structure = self.base.structure
        names = [name for name in self.base.names if not structure.is_spare(name)]
        outside = [name for name in names if structure.place(name) is None]
        yield from (self._copy(name) for name in outside if not structure.is_after(name))
        for layer in range(self.stack.length):
            yield from self._layer(layer)
        yield from (self._copy(name) for name in outside if structure.is_after(name))

    def _layer(self, layer: int) -> Iterator[Step]:
        kind, prefix = self.kind, f"{self.stack.prefix}.{layer}"
        for rest in self.base.layer(self.stack.prefix, layer):
            if rest not in kind.mlp.values() and not self.base.structure.is_spare(
                f"{prefix}.{rest}"
            ):
                yield self._copy(f"{prefix}.{rest}")
        yield from self._missing_biases(layer)
        yield self._given(layer, kind.router, self.gates.routers[layer])
        for name, code in kind.zeros.items():
            zeros = np.zeros((1, len(self.recipe.experts)), np.float32)
            yield self._given(layer, name, zeros, code)
        for part in kind.experts:
            yield from self._experts(layer, part)
        for part in kind.shared if self.recipe.shared_experts else ():
            yield self._stacked(layer, part, self.recipe.shared_experts, part.name)
        if kind.shared_gate and self.gates.shared is not None:
            yield self._given(layer, kind.shared_gate, self.gates.shared[layer])

    def _experts(self, layer: int, part: Part) -> Iterator[Step]:
        if "{expert}" not in part.name:
            yield self._stacked(layer, part, self.recipe.experts, part.name, stack=True)
            return
        for number, expert in enumerate(self.recipe.experts):
            yield self._stacked(layer, part, [expert], part.name.format(expert=number))

    def _stacked(
        self, layer: int, part: Part, experts: list[Expert], name: str, stack: bool = False
    ) -> Step:
        """The matrices of all these experts, below one another."""
        tensor = f"{self.stack.prefix}.{layer}.{name}"
        infos = [self._info(layer, matrix) for matrix in part.of]
        rows, columns = sum(info.shape[0] for info in infos), infos[0].shape[1]
        pieces = [
            Piece(info.shape[0], self._source(layer, matrix, expert, f"{tensor} {number}"))
            for number, expert in enumerate(experts)
            for matrix, info in zip(part.of, infos, strict=True)
        ]
        shape = (len(experts), rows, columns) if stack else (rows, columns)
        source = pieces[0].source if len(pieces) == 1 else Joined(pieces)
        return self._step(tensor, shape, self._dtype(infos[0]), source)

    def _source(self, layer: int, matrix: Matrix, expert: Expert, place: str) -> Source:
        columns = self._info(layer, matrix).shape[1]
        source = self.members[expert.source_model].source(self._name(layer, matrix), columns)
        scale = expert.residual_scale if matrix == "down" else None
        if not expert.noise_scale and scale is None:
            return source
        key = _key(self.recipe.seed, f"{place} {matrix}")
        noise = expert.noise_scale or 0.0
        return Altered(source, columns, key, noise, 1.0 if scale is None else scale)

    def _missing_biases(self, layer: int) -> Iterator[Step]:
        """An architecture with biases gets zeros where the base has none."""
        prefix = f"{self.stack.prefix}.{layer}"
        for name in ("q_proj", "k_proj", "v_proj") if self.kind.biases == "qkv" else ():
            weight = self.base.tensors[f"{prefix}.self_attn.{name}.weight"]
            bias = f"self_attn.{name}.bias"
            if f"{prefix}.{bias}" not in self.base.tensors:
                zeros = np.zeros((1, weight.shape[0]), np.float32)
                yield self._step(
                    f"{prefix}.{bias}", zeros.shape[1:], self._dtype(weight), Given(zeros)
                )

    def _copy(self, tensor: str) -> Step:
        info = self.base.tensors[tensor]
        source = self.base.source(tensor, columns_of(info.shape))
        return self._step(tensor, info.shape, self._dtype(info), source)

    def _given(self, layer: int, name: str, numbers: np.ndarray, code: str = "") -> Step:
        dtype = code or self._dtype(self._info(layer, "gate"))
        tensor = f"{self.stack.prefix}.{layer}.{name}"
        return self._step(tensor, numbers.shape, dtype, Given(numbers))

    def _step(self, tensor: str, shape: tuple[int, ...], dtype: str, source: Source) -> Step:
        stored = isinstance(source, Stored) and source.dtype == dtype
        method = None if stored else _AS_IT_IS
        return Step(tensor, shape, dtype, columns_of(shape), method, _NOTHING, (source,))

    def _dtype(self, info: TensorInfo) -> str:
        """Numbers that are no weights keep their type."""
        if info.dtype not in FLOATS:
            return info.dtype
        wanted = self.recipe.dtype
        return code_of(wanted) if wanted else NARROW.get(info.dtype, info.dtype)

    def _name(self, layer: int, matrix: Matrix) -> str:
        return f"{self.stack.prefix}.{layer}.{self.kind.mlp[matrix]}"

    def _info(self, layer: int, matrix: Matrix) -> TensorInfo:
        return self.base.tensors[self._name(layer, matrix)]


def _key(seed: int, place: str) -> int:
    return int.from_bytes(blake2b(f"{seed}:{place}".encode(), digest_size=8).digest(), "little")
