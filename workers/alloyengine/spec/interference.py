"""Which merges are told with a map of how their models meet."""

from alloyengine.spec.merge import MergeSpec, Recipe

FEWEST, MOST = 2, 8
REPORT = "interference"
"""The name of the job's report."""


def compared_in(spec: MergeSpec) -> list[str]:
    """The base and the models whose changes from it are compared; empty where there is no use.

    That is with a base and 2 to 8 other models, of one vocabulary, merged layer by layer.
    """
    recipe = spec.recipe
    if recipe.base_model is None or spec.stages or not _is_plain(recipe):
        return []
    models = [entry.model for entry in recipe.models if entry.model != recipe.base_model]
    others = list(dict.fromkeys(models))
    return [recipe.base_model, *others] if FEWEST <= len(others) <= MOST else []


def _is_plain(recipe: Recipe) -> bool:
    one_vocabulary = recipe.tokenizer is None and recipe.tokenizer_source in (None, "base")
    return bool(recipe.models) and one_vocabulary
