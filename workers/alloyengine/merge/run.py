"""Executes a plan, piece by piece, in memory bounded by the block or the largest tensor."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from alloyengine.checkpoint import Checkpoint, Writer, copy_companions, facts
from alloyengine.checkpoint.dtypes import DTYPES, torch_dtype
from alloyengine.errors import InputError, Stopped
from alloyengine.merge.declare import Settings
from alloyengine.merge.plan import Plan, Step, make_plan
from alloyengine.report import Reporter
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.result import MergeResult

if TYPE_CHECKING:
    import torch

_BLOCK = 1 << 20  # elements; a few of these fit in a core's cache


def run(spec: MergeSpec, inputs: dict[str, Path], out: Path, report: Reporter) -> MergeResult:
    """Writes the merged model to `out` (new or empty). Raises InputError, Stopped."""
    with ExitStack() as closing:
        models = {
            reference: closing.enter_context(Checkpoint.open(path))
            for reference, path in inputs.items()
        }
        plan = make_plan(spec.recipe, models)
        report.log(f"{plan.method.name} of {len(plan.models)} models, {len(plan.steps)} tensors")
        layout = {step.tensor: step.info for step in plan.steps}
        with Writer.open(out, layout) as writer:
            _execute(plan, models, writer, report)
            config = {"dtype": spec.recipe.dtype} if spec.recipe.dtype else {}
            copy_companions(models[plan.like].path, writer.folder, config)
    return MergeResult(facts=facts(out))


def _execute(plan: Plan, models: dict[str, Checkpoint], writer: Writer, report: Reporter) -> None:
    sources = [models[reference] for reference in plan.models]
    buffers = _buffers(plan, sources)
    total = sum(step.info.numel for step in plan.steps)
    done = 0
    for step in plan.steps:
        if step.settings is None:
            writer.write(step.tensor, models[plan.like].read(step.tensor))
        else:
            _merge_tensor(plan, step, step.settings, sources, buffers, writer, report)
        done += step.info.numel
        report.progress("Merging", done, total)


def _merge_tensor(
    plan: Plan,
    step: Step,
    settings: Settings,
    sources: Sequence[Checkpoint],
    buffers: "Sequence[torch.Tensor]",
    writer: Writer,
    report: Reporter,
) -> None:
    dtype = torch_dtype(step.info.dtype)
    for start, stop in _pieces(step.info.numel, plan.method.elementwise):
        if report.stopping():
            raise Stopped("stopped", "The merge was stopped.")
        pieces = [
            source.read_flat(step.tensor, start, stop, buffer).float()
            for source, buffer in zip(sources, buffers, strict=True)
        ]
        merged = plan.method.combine(pieces, settings).to(dtype)
        if not bool(merged.isfinite().all()):
            raise InputError(
                "not_finite",
                f"{step.tensor!r} would hold infinite or undefined numbers.",
                "Check the inputs and weights, or choose dtype bfloat16 or float32.",
            )
        writer.write_flat(step.tensor, start, merged)


def _pieces(numel: int, elementwise: bool) -> Iterator[tuple[int, int]]:
    size = _BLOCK if elementwise else max(numel, 1)
    for start in range(0, numel, size):
        yield start, min(start + size, numel)


def _buffers(plan: Plan, sources: Sequence[Checkpoint]) -> "list[torch.Tensor]":
    """One for each source, used again and again: fresh memory costs as much as the arithmetic."""
    import torch

    largest = max((step.info.numel for step in plan.steps), default=0)
    count = min(largest, _BLOCK) if plan.method.elementwise else largest
    widths = [
        max((DTYPES[source.info(name).dtype][1] for name in source.names), default=1)
        for source in sources
    ]
    return [torch.empty(count * width, dtype=torch.uint8) for width in widths]
