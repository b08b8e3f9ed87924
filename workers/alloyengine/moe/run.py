"""Runs an upcycling: opens the models, makes the routers, plans, writes, and completes the folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alloyengine.checkpoint import NewFolder, Output, Writer, copy_companions, facts_of
from alloyengine.checkpoint.writer import SHARD_BYTES
from alloyengine.errors import InputError
from alloyengine.merge.backend import backend
from alloyengine.merge.execute import execute
from alloyengine.merge.members import Member
from alloyengine.merge.run import Inputs, in_order, open_members
from alloyengine.moe import fit
from alloyengine.moe.card import NAME as CARD
from alloyengine.moe.card import card
from alloyengine.moe.choose import choose
from alloyengine.moe.gates import gates_of
from alloyengine.moe.plan import Plan, make_plan
from alloyengine.report import Reporter
from alloyengine.spec.moe import MoeRecipe, MoeSpec
from alloyengine.spec.result import MoeResult

if TYPE_CHECKING:
    from alloyengine.moe.balance import Balance
    from alloyengine.moe.prompts import Ids

TEXT_TOKENS = 4096  # of a text, to measure balance by


@dataclass(frozen=True)
class Options:
    """How the machine goes about it; none of them changes a number of the result."""

    threads: int = 0  # 0: one for each core
    shard_bytes: int = SHARD_BYTES
    text: str = ""  # to measure balance by, in place of the prompts


def run(
    spec: MoeSpec,
    inputs: Inputs,
    out: Path | Output,
    report: Reporter,
    options: Options = Options(),  # it is frozen
) -> MoeResult:
    """Writes the sparse model to `out`, a new or empty folder. Raises InputError, Stopped."""
    output = NewFolder(out) if isinstance(out, Path) else out
    recipe = spec.recipe
    with open_members(recipe.references(), inputs) as members:
        base = members[recipe.base_model]
        plan = _planned(recipe, members, report)
        with Writer.open(output, plan.layout, options.shard_bytes) as writer:
            arithmetic = backend("cpu")
            arithmetic.prepare(sum(step.numel for step in plan.steps if step.method))
            execute(in_order(plan.steps, writer), writer, arithmetic, report, options.threads)
            balance = _balance(spec, plan, base, report, options)
            copy_companions(base.model.path, writer.folder, plan.config)
            (writer.folder / CARD).write_text(card(recipe, plan, balance), encoding="utf-8")
            facts = facts_of(plan.config, plan.layout, writer.folder)
            return MoeResult(facts=facts, active_parameters=plan.active)


def _planned(recipe: MoeRecipe, members: dict[str, Member], report: Reporter) -> Plan:
    base = members[recipe.base_model]
    kind = choose(recipe, base.model.config)
    stack = fit.check(recipe, members, kind)
    for note in fit.notes(recipe, members):
        report.log(note)
    gates = gates_of(recipe, base, kind, stack, report)
    plan = make_plan(recipe, members, kind, stack, gates)
    report.log(
        f"{kind.name}: {len(recipe.experts)} experts, {recipe.experts_per_token} for each token; "
        f"{len(plan.steps)} tensors"
    )
    return plan


def _balance(
    spec: MoeSpec, plan: Plan, base: Member, report: Reporter, options: Options
) -> "Balance | None":
    """Measured and told; None where there is nothing to measure it by, or it can't be: that costs nobody
    the model.
    """
    prompts = [prompt for e in spec.recipe.experts for prompt in e.positive_prompts]
    if not options.text and (not spec.balance or not prompts):
        return None
    from alloyengine.moe.balance import REPORT, balance_of

    try:
        sequences = _sequences(prompts, base, options.text)
        found = balance_of(plan, spec.recipe, base, sequences, report)
    except InputError as problem:
        report.log(f"Balance was not measured: {problem}", "warning")
        return None
    names = [expert.source_model for expert in spec.recipe.experts]
    report.report(REPORT, found.told(names))
    for line in told(found, names):
        report.log(line)
    return found


def _sequences(prompts: Sequence[str], base: Member, text: str) -> list["Ids"]:
    from alloyengine.moe.prompts import encode, open_tokenizer, pieces

    tokenizer = open_tokenizer(base.model.path)
    found = pieces(tokenizer, text, TEXT_TOKENS) if text else encode(tokenizer, prompts)
    if not found:
        raise InputError("text_empty", "The text to measure it by is empty.", "Give another.")
    return found


def told(balance: "Balance", names: Sequence[str]) -> Iterator[str]:
    """The balance in words."""
    shares = ", ".join(
        f"{name} {share:.0%}" for name, share in zip(names, balance.overall, strict=True)
    )
    yield f"Over {balance.tokens} tokens the answers are of: {shares}"
    if idle := balance.idle:
        layer, expert = idle[0]
        more = f", and {len(idle) - 1} more" if len(idle) > 1 else ""
        yield f"Not asked once: {names[expert]} in layer {layer}{more}."
