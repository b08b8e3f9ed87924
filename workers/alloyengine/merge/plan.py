"""Works out a whole merge from the headers alone, before a tensor is read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloyengine.checkpoint import TensorInfo
from alloyengine.checkpoint.dtypes import FLOATS, code_of
from alloyengine.checkpoint.structure import with_layers, with_vocabulary
from alloyengine.merge.declare import Settings
from alloyengine.merge.fit import Fit
from alloyengine.merge.lineup import Line, Lineup, Role, lineup
from alloyengine.merge.members import Member
from alloyengine.merge.methods import METHODS
from alloyengine.merge.parameters import check_given, method_for, settings_for
from alloyengine.merge.source import Rearranged, Source, Stored
from alloyengine.merge.steps import Step, columns_of
from alloyengine.spec.merge import Recipe

if TYPE_CHECKING:
    from alloyengine.merge.tokenizer import Vocabulary

_NOTHING = Settings({}, ())
NARROW = {"F8_E4M3": "BF16", "F8_E5M2": "BF16", "F64": "F32"}


@dataclass(frozen=True)
class Plan:
    """All that is to be done, and what the result will look like."""

    title: str  # the method, or how many
    like: str  # the model that gives the result its config, tokenizer and tensor names
    steps: tuple[Step, ...]
    config: dict[str, Any]
    vocabulary: "Vocabulary | None"  # of the result, where the recipe asks for a new one
    template: str | None  # likewise its chat template

    def again(self, recipe: Recipe, members: Mapping[str, Member]) -> tuple[Step, ...]:
        """The steps of a recipe that differs from the plan's in its parameters alone. InputError as
        `make_plan`.
        """
        check_given(recipe)
        planner = _Planner(recipe, members, members[self.like], self.vocabulary)
        return tuple(planner.steps(lineup(recipe, members)))

    @property
    def layout(self) -> dict[str, TensorInfo]:
        return {step.tensor: TensorInfo(step.shape, step.dtype) for step in self.steps}


def make_plan(recipe: Recipe, members: Mapping[str, Member]) -> Plan:
    """InputError when the models do not fit together or the recipe not the method."""
    check_given(recipe)
    found = lineup(recipe, members)
    like = members[found.like]
    vocabulary = _vocabulary(recipe, members)
    steps = tuple(_Planner(recipe, members, like, vocabulary).steps(found))
    methods = sorted({step.method.name for step in steps if step.method})
    title = methods[0] if len(methods) == 1 else f"{len(methods)} methods"
    return Plan(
        title=title if methods else "copy",
        like=found.like,
        steps=steps,
        config=_config(recipe, found, like, vocabulary),
        vocabulary=vocabulary,
        template=_template(recipe, members),
    )


def _vocabulary(recipe: Recipe, members: Mapping[str, Member]) -> "Vocabulary | None":
    if not recipe.tokenizer and not recipe.tokenizer_source:
        return None
    from alloyengine.merge.tokenizer import plan_vocabulary

    rows = {}
    for reference, member in members.items():
        if (embedding := member.structure.embedding) is not None:
            rows[reference] = member.tensors[embedding].shape[0]
    return plan_vocabulary(
        recipe.tokenizer or recipe.tokenizer_source,
        recipe.base_model,
        _folders(members),
        rows,
    )


def _template(recipe: Recipe, members: Mapping[str, Member]) -> str | None:
    if recipe.chat_template is None:
        return None
    from alloyengine.merge.tokenizer.chat import choose_template

    return choose_template(recipe.chat_template, _folders(members), recipe.base_model)


def _folders(members: Mapping[str, Member]) -> dict[str, Path]:
    return {reference: member.model.path for reference, member in members.items()}


def _config(
    recipe: Recipe, found: Lineup, like: Member, vocabulary: "Vocabulary | None"
) -> dict[str, Any]:
    config = dict(like.model.config)
    for again in found.rebuilt:
        config = with_layers(config, like.structure, again.stack, again.layers)
    if vocabulary:
        config = with_vocabulary(config, vocabulary.size) | dict(vocabulary.special)
    if wanted := recipe.out_dtype or recipe.dtype:
        config.pop("torch_dtype", None)
        config["dtype"] = wanted
    return config


@dataclass(frozen=True)
class _Planner:
    recipe: Recipe
    members: Mapping[str, Member]
    like: Member
    vocabulary: "Vocabulary | None"
    fit: Fit = field(default_factory=Fit)

    def steps(self, found: Lineup) -> list[Step]:
        steps = []
        for line in found.lines:
            if self.members[line.like.reference].structure.is_spare(line.like.tensor):
                continue  # a copy of a tied tensor, or a buffer that the model computes
            step = self._copy(line) if self._is_no_weight(line) else self._merge(line)
            if step:
                steps.append(step)
        if not found.rebuilt:
            self._note_extras(found)
        self.fit.check()
        return steps

    def _note_extras(self, found: Lineup) -> None:
        """Tensors of the models that the result would be without."""
        known = {line.tensor for line in found.lines}
        for name in dict.fromkeys(r.reference for line in found.lines for r in line.roles):
            member = self.members[name]
            for tensor in member.names:
                if tensor not in known and not member.structure.is_spare(tensor):
                    role = Role(found.like, tensor, {})
                    self.fit.missing(role, Role(name, tensor, {}))

    def _is_no_weight(self, line: Line) -> bool:
        return self._info(line.like).dtype not in FLOATS

    def _copy(self, line: Line) -> Step:
        """Numbers that are no weights (positions, counters) are taken as they are."""
        info = self._info(line.like)
        columns = columns_of(info.shape)
        source = self.members[line.like.reference].source(line.like.tensor, columns)
        return Step(line.tensor, info.shape, info.dtype, columns, None, _NOTHING, (source,))

    def _merge(self, line: Line) -> Step | None:
        """None after a misfit has been noted."""
        method = METHODS[method_for(line.method, line.tensor)]
        base = line.base if method.declaration.base != "ignored" else None
        others = [role for role in line.roles if base is None or role.reference != base.reference]
        roles = [base, *others] if base else others
        shape, columns = self._shape(line)
        sources = [source for role in roles if (source := self._source(role, line, columns))]
        if len(sources) < len(roles):
            return None
        settings = settings_for(line, method, roles, base is not None, self.recipe.seed)
        dtype = self._dtype(self._info(line.like))
        copied = method.name == "passthrough" and not settings.own[0] and _has(sources[0], dtype)
        made = None if copied else method
        return Step(line.tensor, shape, dtype, columns, made, settings, tuple(sources))

    def _info(self, role: Role) -> TensorInfo:
        return self.members[role.reference].tensors[role.tensor]

    def _dtype(self, info: TensorInfo) -> str:
        wanted = self.recipe.out_dtype or self.recipe.dtype
        return code_of(wanted) if wanted else NARROW.get(info.dtype, info.dtype)

    def _axis(self, line: Line) -> int | None:
        """The dimension that will count the new vocabulary's tokens, if the tensor has one."""
        return self.like.structure.vocabulary_axis(line.like.tensor) if self.vocabulary else None

    def _shape(self, line: Line) -> tuple[tuple[int, ...], int]:
        """The result's shape, and the length of its rows: of a row for each token, if it has one."""
        shape = self._info(line.like).shape
        axis = self._axis(line)
        if axis is None or not self.vocabulary:
            return shape, columns_of(shape)
        new = (*shape[:axis], self.vocabulary.size, *shape[axis + 1 :])
        return new, math.prod(new) // self.vocabulary.size

    def _source(self, role: Role, line: Line, columns: int) -> Source | None:
        """None after the misfit has been noted."""
        member = self.members[role.reference]
        tensor = _stand_in(member, self.like, role.tensor)
        wanted = self._info(line.like)
        if tensor not in member.tensors:
            self.fit.missing(role, line.like)
            return None
        if self._axis(line) is not None:
            return self._rearranged(member, tensor, columns)
        if member.tensors[tensor].shape != wanted.shape:
            self.fit.differs(role, member.tensors[tensor], self.like, wanted)
            return None
        return member.source(tensor, columns)

    def _rearranged(self, member: Member, tensor: str, columns: int) -> Source:
        """A row for each token of the new vocabulary, from this model or those that have it."""
        assert self.vocabulary is not None  # noqa: S101  # told apart by the caller
        runs = self.vocabulary.rows[member.reference]
        named = {model for run in runs for model, _ in run.origins}
        embeddings = {
            model: other.source(_stand_in(other, self.like, tensor), columns)
            for model, other in self.members.items()
            if model in named
        }
        return Rearranged(runs, embeddings, columns)


def _stand_in(member: Member, like: Member, tensor: str) -> str:
    """The embedding stands in for a head that shares its numbers."""
    structure = member.structure
    absent = tensor not in member.tensors and tensor == like.structure.head
    return structure.embedding or tensor if absent and structure.tied else tensor


def _has(source: Source, dtype: str) -> bool:
    """Are the source's bytes those of the result?"""
    return isinstance(source, Stored) and source.model.info(source.tensor).dtype == dtype
