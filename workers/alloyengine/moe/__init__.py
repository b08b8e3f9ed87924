"""Upcycling: dense models become the experts of one sparse model.

recipe.py    the field's YAML, read into `spec.moe.MoeRecipe`
kinds.py     the sparse architectures, as data: names of tensors, entries of the config
choose.py    which of them a recipe makes
fit.py       what does not fit between base and experts, tensor by tensor
prompts.py   prompts as token ids
walk.py      a model's own code passed through with one layer's weights in memory at a time
gates.py     the routers' first weights
source.py    rows that no file holds: routers, stacks of experts, noise
plan.py      the result's tensors, each with where its rows come from, and its config
balance.py   how evenly the result's experts are used
card.py      the model card
run.py       all of it: models in, a folder out

Arithmetic and writing are the merge engine's.
"""
