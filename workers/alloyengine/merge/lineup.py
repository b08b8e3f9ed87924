"""Which tensors of which models become which tensor of the result.

A recipe lists whole models, slices of layers, or modules; here all of them become one list of
output tensors, each with its contributors and the parameters that hold for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alloyengine.checkpoint.structure import Stack, Structure
from alloyengine.errors import InputError
from alloyengine.merge.members import Member
from alloyengine.spec.merge import (
    MethodChoice,
    Module,
    Parameters,
    Recipe,
    RecipeModel,
    Slice,
    SliceSource,
)


@dataclass(frozen=True)
class Role:
    """A model's tensor that takes part, with the parameters given for this model."""

    reference: str
    tensor: str
    parameters: Parameters


@dataclass(frozen=True)
class Line:
    """One tensor of the result before its method and numbers are known."""

    tensor: str
    like: Role  # gives the shape and type
    base: Role | None
    roles: tuple[Role, ...]  # as listed; the base may be among them
    method: MethodChoice
    scopes: tuple[Parameters, ...]  # slice, module, recipe: the nearer goes first
    depth: float  # 0 at the first layer of the model or slice, 1 at the last
    place: tuple[str | int, ...]  # of the group in the recipe


@dataclass(frozen=True)
class Rebuilt:
    """A stack that was put together anew: the layers of the like model that stand in it."""

    stack: Stack
    layers: tuple[int, ...]


@dataclass(frozen=True)
class Lineup:
    like: str
    lines: tuple[Line, ...]
    rebuilt: tuple[Rebuilt, ...]


def lineup(recipe: Recipe, members: Mapping[str, Member]) -> Lineup:
    """InputError when slices or modules do not fit the models."""
    if recipe.modules:
        return _of_modules(recipe, members)
    scopes = (recipe.parameters,)
    part = _Part((), recipe, recipe.base_model, recipe.merge_method, scopes, _end(recipe))
    like = part.like
    names = members[like].names
    lines, rebuilt = _lines(part, members, like, names)
    return Lineup(like, tuple(lines), tuple(rebuilt))


@dataclass(frozen=True)
class _Part:
    """A recipe or one of its modules: models or slices, and what holds for all of them."""

    place: tuple[str | int, ...]
    holder: Recipe | Module
    base: str | None
    method: MethodChoice
    scopes: tuple[Parameters, ...]
    end: float  # the depth of what comes after the layers

    @property
    def like(self) -> str:
        """The model whose tensors, config and tokenizer the result takes after."""
        if self.holder.models:
            return self.base or self.holder.models[0].model
        first = self.holder.slices[0]
        listed = [source.model for source in first.sources]
        base = first.base_model or self.base
        return base if base in listed else listed[0]


def _of_modules(recipe: Recipe, members: Mapping[str, Member]) -> Lineup:
    parts = {name: _module_part(recipe, name, module) for name, module in recipe.modules.items()}
    like = recipe.base_model or next(iter(parts.values())).like
    structure = members[like].structure
    if unknown := parts.keys() - set(structure.modules):
        raise InputError(
            "recipe_wrong",
            f"recipe: modules.{min(unknown)}: {like} has no such module.",
            f"Its modules are {', '.join(structure.modules)}.",
        )
    lines: list[Line] = []
    rebuilt: list[Rebuilt] = []
    for module in structure.modules:
        names = [name for name in members[like].names if structure.module(name) == module]
        part = parts.get(module) or _as_it_is(recipe, like)
        found, again = _lines(part, members, like, names)
        lines += found
        rebuilt += again
    return Lineup(like, tuple(lines), tuple(rebuilt))


def _module_part(recipe: Recipe, name: str, module: Module) -> _Part:
    base = module.base_model or recipe.base_model
    method = module.merge_method or recipe.merge_method
    scopes = (module.parameters, recipe.parameters)
    return _Part(("modules", name), module, base, method, scopes, _end(recipe))


def _end(recipe: Recipe) -> float:
    return 1.0 if recipe.gradients_reach_head else 0.0


def _as_it_is(recipe: Recipe, like: str) -> _Part:
    """A module that the recipe leaves out stays as it is."""
    copied = Module(models=[RecipeModel(model=like)])
    return _Part(("modules",), copied, None, "passthrough", (), 0.0)


def _lines(
    part: _Part, members: Mapping[str, Member], like: str, names: Sequence[str]
) -> tuple[list[Line], list[Rebuilt]]:
    if part.holder.models:
        return [_whole(part, members[like], name) for name in names], []
    return _sliced(part, members, like, names)


def _whole(part: _Part, like: Member, name: str) -> Line:
    place = like.structure.place(name)
    depth = part.end if like.structure.is_after(name) else 0.0
    if place:
        depth = _depth(place.layer, place.stack.length)
    return Line(
        name,
        Role(like.reference, name, {}),
        Role(part.base, name, {}) if part.base else None,
        tuple(Role(entry.model, name, entry.parameters) for entry in part.holder.models),
        part.method,
        part.scopes,
        depth,
        part.place,
    )


def _depth(layer: int, length: int) -> float:
    return layer / (length - 1) if length > 1 else 1.0


def _sliced(
    part: _Part, members: Mapping[str, Member], like: str, names: Sequence[str]
) -> tuple[list[Line], list[Rebuilt]]:
    structure = members[like].structure
    stack = _only_stack(structure, names)
    lines, layers = [], list[int]()
    first, last = _Piece.of(part, 0), _Piece.of(part, len(part.holder.slices) - 1)
    outside = [name for name in names if structure.place(name) is None]
    lines += [first.outside(name, 0.0) for name in outside if not structure.is_after(name)]
    for number in range(len(part.holder.slices)):
        piece = _Piece.of(part, number)
        piece.check(members)
        lines += piece.layers(members, stack, len(layers))
        layers += range(*piece.like.layer_range)
    lines += [last.outside(name, part.end) for name in outside if structure.is_after(name)]
    return lines, [Rebuilt(stack, tuple(layers))]


def _only_stack(structure: Structure, names: Sequence[str]) -> Stack:
    places = [place for place in map(structure.place, names) if place]
    stacks = {place.stack.prefix: place.stack for place in places}
    if len(stacks) == 1:
        return next(iter(stacks.values()))
    raise InputError(
        "recipe_wrong",
        f"recipe: slices: the model has {len(stacks)} stacks of layers"
        f"{': ' if stacks else ''}{', '.join(stacks)}.",
        f"Write slices inside modules ({', '.join(structure.modules)})."
        if stacks
        else "Merge whole models.",
    )


@dataclass(frozen=True)
class _Piece:
    """One slice, and the part of the recipe that it is in."""

    part: _Part
    slice: Slice
    number: int

    @classmethod
    def of(cls, part: _Part, number: int) -> "_Piece":
        return cls(part, part.holder.slices[number], number)

    @property
    def base(self) -> str | None:
        return self.slice.base_model or self.part.base

    @property
    def like(self) -> SliceSource:
        return next((s for s in self.slice.sources if s.model == self.base), self.slice.sources[0])

    @property
    def place(self) -> tuple[str | int, ...]:
        return (*self.part.place, "slices", self.number)

    def check(self, members: Mapping[str, Member]) -> None:
        for i, source in enumerate(self.slice.sources):
            length = members[source.model].structure.stacks[0].length
            if source.layer_range[1] > length:
                place = ".".join(map(str, (*self.place, "sources", i, "layer_range")))
                raise InputError(
                    "recipe_wrong",
                    f"recipe: {place}: {source.model} has {length} layers, not "
                    f"{source.layer_range[1]}.",
                    f"End the range at {length} or before.",
                )

    def outside(self, name: str, depth: float) -> Line:
        """A tensor before or after the layers."""
        return self._line(name, name, {s.model: name for s in self.slice.sources}, name, depth)

    def layers(self, members: Mapping[str, Member], stack: Stack, at: int) -> Iterator[Line]:
        begin, end = self.like.layer_range
        like = members[self.like.model]
        for i in range(end - begin):
            for rest in like.layer(stack.prefix, begin + i):

                def name(layer: int, rest: str = rest) -> str:
                    return f"{stack.prefix}.{layer}.{rest}"

                tensors = {s.model: name(s.layer_range[0] + i) for s in self.slice.sources}
                base = tensors.get(self.base or "", name(begin + i))
                depth = _depth(i, end - begin)
                yield self._line(name(at + i), name(begin + i), tensors, base, depth)

    def _line(
        self, output: str, like: str, tensors: Mapping[str, str], base: str, depth: float
    ) -> Line:
        return Line(
            output,
            Role(self.like.model, like, {}),
            Role(self.base, base, {}) if self.base else None,
            tuple(Role(s.model, tensors[s.model], s.parameters) for s in self.slice.sources),
            self.slice.merge_method or self.part.method,
            (self.slice.parameters, *self.part.scopes),
            depth,
            self.place,
        )
