"""One recipe with what is known of its models: what every check looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from alloyengine.spec.doctor.report import Place
from alloyengine.spec.merge import Group, Module, Recipe, split_reference
from alloyengine.spec.result import ModelFacts

Facts = Mapping[str, ModelFacts]


@dataclass(frozen=True)
class Case:
    recipe: Recipe
    place: Place  # of the recipe in the job spec
    facts: Facts  # by reference; of what is not known there is nothing
    names: Mapping[str, str]  # what people call the references

    def at(self, inner: Place) -> Place:
        return (*self.place, *inner)

    def name(self, reference: str) -> str:
        model, adapter = split_reference(reference)
        named = self.names.get(model, model)
        return f"{named} with {self.names.get(adapter, adapter)}" if adapter else named

    def of(self, reference: str | None) -> ModelFacts | None:
        """Of the model; its adapter changes none of them."""
        return self.facts.get(split_reference(reference)[0]) if reference else None

    @cached_property
    def groups(self) -> list[Group]:
        return list(self.recipe.groups())

    @cached_property
    def like(self) -> str:
        """The model that gives the result its config, its tokenizer and its names of tensors."""
        recipe = self.recipe
        holder: Recipe | Module = recipe
        base = recipe.base_model
        if recipe.modules:
            if base:
                return base
            holder = next(iter(recipe.modules.values()))
            base = holder.base_model
        if holder.models:
            return base or holder.models[0].model
        first = holder.slices[0]
        listed = [source.model for source in first.sources]
        base = first.base_model or base
        return base if base in listed else listed[0]

    @property
    def listed(self) -> str:
        """The field that lists the models."""
        recipe = self.recipe
        return "models" if recipe.models else "slices" if recipe.slices else "modules"

    @cached_property
    def whole(self) -> bool:
        """Are whole models merged, not slices or modules?"""
        return bool(self.recipe.models)

    @cached_property
    def new_vocabulary(self) -> bool:
        return bool(self.recipe.tokenizer or self.recipe.tokenizer_source)

    @cached_property
    def merged(self) -> dict[str, Place]:
        """The models whose weights take part, each with the first place that names it."""
        found: dict[str, Place] = {}
        for group in self.groups:
            for i, entry in enumerate(group.sources):
                found.setdefault(entry.model, self.at((*group.place, group.listed, i, "model")))
        for group in self.groups:
            if group.base is not None:
                place = group.place if group.own_base else ()
                found.setdefault(group.base, self.at((*place, "base_model")))
        return found

    def others(self) -> Iterator[tuple[str, Place, ModelFacts, ModelFacts]]:
        """Every model of which enough is known to compare it with `like`, and like's facts."""
        ours = self.of(self.like)
        for reference, place in self.merged.items():
            theirs = self.of(reference)
            if ours and theirs and reference != self.like and not theirs.adapter:
                yield reference, place, theirs, ours
