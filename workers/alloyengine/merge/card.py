"""The model card of a merge: what it is made of, for people and for the hub."""

import yaml

from alloyengine.spec.merge import Recipe

NAME = "README.md"


def card(recipe: Recipe) -> str:
    """Markdown with the front matter that model hubs read."""
    models = list(dict.fromkeys(reference for _, reference in recipe.references()))
    front = yaml.safe_dump({"base_model": models, "tags": ["merge", "alloyworks"]}, sort_keys=False)
    written = recipe.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
    listed = "\n".join(f"- `{model}`" for model in models)
    return (
        f"---\n{front}---\n\n# A merged model\n\nMade by Alloyworks of\n\n{listed}\n\n"
        f"by this recipe:\n\n```yaml\n{text}```\n"
    )
