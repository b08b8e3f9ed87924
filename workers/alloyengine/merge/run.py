"""Runs a merge: opens the models, plans, executes, and completes the folder."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alloyengine.checkpoint import (
    Checkpoint,
    Input,
    NewFolder,
    Output,
    Writer,
    copy_companions,
    facts_of,
)
from alloyengine.checkpoint.writer import SHARD_BYTES
from alloyengine.errors import InputError
from alloyengine.merge.backend import backend
from alloyengine.merge.card import NAME as CARD
from alloyengine.merge.card import card
from alloyengine.merge.execute import execute
from alloyengine.merge.members import Member
from alloyengine.merge.plan import Plan, make_plan
from alloyengine.merge.reuse import NAME as MANIFEST
from alloyengine.merge.reuse import Manifest, reusing
from alloyengine.merge.steps import Step
from alloyengine.report import Reporter
from alloyengine.spec.merge import MergeSpec, Place, Recipe, split_reference
from alloyengine.spec.result import MergeResult, ModelFacts

if TYPE_CHECKING:
    from alloyengine.checkpoint.adapter import Adapter


Inputs = Mapping[str, Path | Input]
"""Models by reference: folders, or models that are elsewhere."""


@dataclass(frozen=True)
class Options:
    """How the machine goes about it; none of them changes a number of the result."""

    device: str = "cpu"
    threads: int = 0  # 0: one for each core
    shard_bytes: int = SHARD_BYTES
    update: bool = False  # `out` may be an earlier result: what has not changed is copied from it
    signed: bool = True  # with a card and a manifest, by which a merge is known again
    described: bool = True  # the facts tell of the tokenizer, too, which takes a tenth of a second


def run(
    spec: MergeSpec,
    inputs: Inputs,
    out: Path | Output,
    report: Reporter,
    options: Options = Options(),  # it is frozen
) -> MergeResult:
    """Writes the merged model to `out` (a new or empty folder, or a place elsewhere).

    Raises InputError, Stopped; TransferError when models or result are reached by URL.
    """
    output = NewFolder(out, _is_ours(out, options)) if isinstance(out, Path) else out
    known = dict(inputs)
    with _stages(output) as folder:
        for number, stage in enumerate(spec.stages):
            known[str(stage.name)] = made = folder / str(number)
            report.log(f"Stage {number + 1} of {len(spec.stages) + 1}: {stage.name}")
            _merge(stage, known, NewFolder(made), report, options)
        return MergeResult(facts=_merge(spec.recipe, known, output, report, options))


@contextmanager
def _stages(output: Output) -> Iterator[Path]:
    """A folder for what earlier stages make."""
    try:
        yield output.scratch
    finally:
        shutil.rmtree(output.scratch, ignore_errors=True)


def _merge(
    recipe: Recipe, inputs: Inputs, output: Output, report: Reporter, options: Options
) -> ModelFacts:
    with open_members(recipe.references(), inputs) as members:
        plan = make_plan(recipe, members)
        report.log(f"{plan.title}: {len(members)} models, {len(plan.steps)} tensors")
        arithmetic = backend(options.device)
        arithmetic.prepare(sum(step.numel * len(step.sources) for step in plan.steps))
        with (
            reusing(plan.steps, output.before) as steps,
            Writer.open(output, plan.layout, options.shard_bytes) as writer,
        ):
            _tell(steps, plan, report)
            ordered = in_order(steps, writer)
            execute(ordered, writer, arithmetic, report, options.threads)
            _complete(plan, members[plan.like], writer.folder)
            if options.signed:
                (writer.folder / CARD).write_text(card(recipe), encoding="utf-8")
            if options.signed and output.before:
                Manifest.write(writer.folder, plan.steps)
            return facts_of(plan.config, plan.layout, writer.folder if options.described else None)


def in_order(steps: Sequence[Step], writer: Writer) -> list[Step]:
    """As their bytes lie in the files of the result."""
    named = {step.tensor: step for step in steps}
    return [named[name] for name in writer.names]


def _tell(steps: Sequence[Step], plan: Plan, report: Reporter) -> None:
    for note in plan.vocabulary.notes if plan.vocabulary else ():
        report.log(note, "warning")
    kept = sum(step is not planned for step, planned in zip(steps, plan.steps, strict=True))
    if kept:
        report.log(f"{kept} of {len(steps)} tensors have not changed and are kept.")


@contextmanager
def open_members(
    references: Iterable[tuple[Place, str]], inputs: Inputs
) -> Iterator[dict[str, Member]]:
    """Every model that a recipe's `references` name, by its reference."""
    with ExitStack() as closing:
        members = {}
        for reference in dict.fromkeys(reference for _, reference in references):
            name, lora = split_reference(reference)
            model = closing.enter_context(Checkpoint.open(_find(inputs, name)))
            members[reference] = Member(reference, model, _adapter(inputs, lora))
        yield members


def _adapter(inputs: Inputs, reference: str | None) -> "Adapter | None":
    if reference is None:
        return None
    from alloyengine.checkpoint.adapter import Adapter

    found = _find(inputs, reference)
    return Adapter.open(found if isinstance(found, Path) else found.folder)


def _find(inputs: Inputs, reference: str) -> Path | Input:
    if reference not in inputs:
        raise InputError("model_missing", f"There is no model {reference!r}.", "Name another.")
    return inputs[reference]


def _is_ours(out: Path, options: Options) -> bool:
    """May `out` be replaced? Only what a merge has written, and only if that is wanted."""
    return options.update and (out / MANIFEST).is_file()


def _complete(plan: Plan, like: Member, folder: Path) -> None:
    """The small files beside the weights."""
    copy_companions(like.model.path, folder, plan.config)
    if plan.vocabulary:
        plan.vocabulary.save(folder)
    if plan.template:
        from alloyengine.merge.tokenizer.chat import save_template

        save_template(plan.template, folder)
