"""Slices: layers that are not there, and how deep the result becomes."""

from collections.abc import Iterator

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, error, note
from alloyengine.spec.merge import Slice, SliceSource


def check_slices(case: Case) -> Iterator[Finding]:
    for group in case.groups:
        for i, source in enumerate(group.sources):
            facts = case.of(source.model)
            if not isinstance(source, SliceSource) or not facts or not facts.layers:
                continue
            if source.layer_range[1] > facts.layers and not case.recipe.modules:
                place = case.at((*group.place, "sources", i, "layer_range"))
                what = (
                    f"{case.name(source.model)} has {facts.layers} layers, not "
                    f"{source.layer_range[1]}."
                )
                remedy = f"End the range at {facts.layers} or before."
                yield error("layer_range", place, what, remedy)
    yield from _depth(case)


def depth_of(slices: list[Slice]) -> int:
    """Layers of the result."""
    ranges = [piece.sources[0].layer_range for piece in slices]
    return sum(end - begin for begin, end in ranges)


def _depth(case: Case) -> Iterator[Finding]:
    ours = case.of(case.like)
    if not case.recipe.slices or ours is None or not ours.layers:
        return
    layers = depth_of(case.recipe.slices)
    if layers != ours.layers:
        what = f"The result has {layers} layers; {case.name(case.like)} has {ours.layers}."
        remedy = "Train it a little afterwards: layers in new places do not yet work together."
        yield note("depth", case.at(("slices",)), what, remedy)
