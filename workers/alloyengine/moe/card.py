"""The model card of an upcycled model: which experts it has, and how it was made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alloyengine.card import NAME, as_yaml, front_matter, table
from alloyengine.merge.card import names_of_references
from alloyengine.moe.plan import Plan
from alloyengine.spec.moe import Expert, MoeRecipe

if TYPE_CHECKING:
    from alloyengine.moe.balance import Balance

__all__ = ["NAME", "card"]


def card(recipe: MoeRecipe, plan: Plan, balance: "Balance | None") -> str:
    """Markdown with the front matter that model hubs read."""
    names = names_of_references(reference for _, reference in recipe.references())
    front = front_matter(dict.fromkeys(names.values()), ["moe", "merge"])
    total = sum(step.numel for step in plan.steps)
    shared = "".join(f" and `{names[e.source_model]}`" for e in recipe.shared_experts)
    return (
        f"{front}\n# A mixture of experts\n\n"
        f"Made by Alloyworks: a `{plan.kind.name}` model of {total / 1e9:.2f}B parameters. Of its "
        f"{len(recipe.experts)} experts each token sees {recipe.experts_per_token}{shared}: "
        f"{plan.active / 1e9:.2f}B parameters. All else "
        f"is of `{names[recipe.base_model]}`.\n\n"
        f"{_experts(recipe.experts, names, balance)}\n{_routers(recipe)}\n\n"
        f"## Recipe\n\n{as_yaml(recipe.model_dump(mode='json', exclude_defaults=True), names)}"
    )


def _experts(experts: Sequence[Expert], names: dict[str, str], balance: "Balance | None") -> str:
    shares = balance.overall if balance else [None] * len(experts)
    rows = [
        (
            str(number),
            f"`{names[expert.source_model]}`",
            str(len(expert.positive_prompts)),
            str(len(expert.negative_prompts)),
            "" if share is None else f"{share:.0%}",
        )
        for number, (expert, share) in enumerate(zip(experts, shares, strict=True))
    ]
    head = ("expert", "model", "prompts for", "prompts against", "share of the answers")
    told = f"\nShares are of {balance.tokens} tokens, over all layers.\n" if balance else ""
    return table(rows, head) + told


def _routers(recipe: MoeRecipe) -> str:
    if recipe.is_random:
        return "Its routers are random: it has to be trained before it is of use."
    if recipe.gate_mode == "cheap_embed":
        return "Its routers were made from the embeddings of the prompts, the same in every layer."
    return "Its routers were made from the base's hidden states at the ends of the prompts."
