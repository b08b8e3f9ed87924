"""What a merge would do, from the headers and a sample of the weights: `alloy merge --dry-run`."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alloyengine.merge.doctor.kinship import Kinship, kinship
from alloyengine.merge.members import Member
from alloyengine.merge.plan import Plan
from alloyengine.merge.steps import Step
from alloyengine.spec.doctor import costs
from alloyengine.spec.methods import MergeMethod

_COPY = 0.4  # nanoseconds for an element that is copied


@dataclass(frozen=True)
class Preview:
    parameters: int
    size: int  # bytes of the result's weights
    methods: Mapping[str, int]  # tensors by method
    seconds: float  # on this machine's cores, with the files in the page cache
    memory: int  # bytes at the peak
    free: int  # bytes on the disk of the result
    kinship: Kinship | None

    def findings(self, base: str | None) -> Iterator[tuple[str, str]]:
        """What the sizes and the weights themselves say: a warning, and what to do."""
        if self.free < self.size:
            yield (
                f"The result takes {self.size / 1e9:.1f} GB; the disk has {self.free / 1e9:.1f}.",
                "Free some room, or write to another disk.",
            )
        if self.kinship:
            yield from _of_kinship(self.kinship, base)


def _of_kinship(found: Kinship, base: str | None) -> Iterator[tuple[str, str]]:
    for a, b in found.strangers():
        yield (
            f"{a} and {b} have no common ancestor: their weights are unrelated.",
            "Merge models that were fine-tuned from the same base.",
        )
    for a, b in found.equals():
        yield f"{a} and {b} have the same weights.", "Leave one of them out."
    if base and found.ancestor and found.ancestor != base:
        yield (
            f"The others look as if made from {found.ancestor}, not from {base}.",
            f"Use base_model: {found.ancestor} if that is so.",
        )


def preview(plan: Plan, members: Mapping[str, Member], out: Path) -> Preview:
    """Reads a few megabytes of each model."""
    cores = len(os.sched_getaffinity(0))
    place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    return Preview(
        parameters=sum(step.numel for step in plan.steps),
        size=sum(info.nbytes for info in plan.layout.values()),
        methods=Counter(step.method.name if step.method else "copy" for step in plan.steps),
        seconds=costs.START + _seconds(plan.steps, plan) / cores,
        memory=_memory(plan.steps, cores),
        free=shutil.disk_usage(place).free,
        kinship=kinship(members),
    )


def _seconds(steps: Sequence[Step], plan: Plan) -> float:
    written = sum(info.nbytes for info in plan.layout.values()) * costs.WRITTEN
    return (written + sum(_nanoseconds(step) for step in steps)) / 1e9


def _nanoseconds(step: Step) -> float:
    each = costs.ELEMENT[step.method.name] * len(step.sources) if step.method else _COPY
    return step.numel * each


def _memory(steps: Sequence[Step], cores: int) -> int:
    """For every core a chunk of each model, mapped, and a block in float32 with its temporaries.
    DARE and DELLA keep a bit an element and model of the tensors under way.
    """
    models = max((len(step.sources) for step in steps), default=1)
    largest = max((step.numel for step in steps), default=0)
    chunk = costs.CHUNK * 4 * models + costs.BLOCK * 4 * (2 * models + 4)
    drawn = any(step.method and _draws(step.method.name) for step in steps)
    return costs.FIXED + cores * chunk + (largest // 8 * models if drawn else 0)


def _draws(method: MergeMethod) -> bool:
    return method.startswith(("dare", "della"))
