"""The forms that make jobs: text in, a job spec out, and back.

An input is named as the spec names its place (`tuning.percent`, `recipe.models.0.model`), so a
fault of the spec finds its input by its `loc`, and the words are those of the API.
"""
