"""The model card of a merge: what it is made of, for people and for the hub."""

from collections.abc import Iterable

from alloyengine.card import NAME, as_yaml, front_matter, names_of
from alloyengine.spec.merge import Recipe, split_reference

__all__ = ["NAME", "card"]


def card(recipe: Recipe) -> str:
    """Markdown with the front matter that model hubs read."""
    names = names_of_references(reference for _, reference in recipe.references())
    written = as_yaml(recipe.model_dump(mode="json", exclude_defaults=True), names)
    front = front_matter(names.values(), ["merge"])
    listed = "\n".join(f"- `{model}`" for model in names.values())
    return (
        f"{front}\n# A merged model\n\nMade by Alloyworks of\n\n{listed}\n\n"
        f"by this recipe:\n\n{written}"
    )


def names_of_references(references: Iterable[str]) -> dict[str, str]:
    """Of every reference; a model with an adapter goes by both names."""
    pairs = {reference: split_reference(reference) for reference in references}
    parts = names_of(part for pair in pairs.values() for part in pair if part)
    return {
        reference: parts[model] + (f"+{parts[adapter]}" if adapter else "")
        for reference, (model, adapter) in pairs.items()
    }
