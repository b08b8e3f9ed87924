"""Evaluation: models and mixtures × test sets and tasks, and what differs between them.

run.py            the whole of it; subject.py: one model; agents.py: a mixture of them
score.py          one model on one test set, as searches do it, too
examples.py       rows of a test set, and the questions in them
answering.py      metrics that look at an answer (metrics/), answered greedily (answers.py)
choosing.py       multiple choice, by likelihood.py: a batch of it is reading.py
perplexity.py     how surprised a model is; scores.py: figures and their errors
prefix.py         what many inputs begin with, read once
harness/          tasks of lm-evaluation-harness
judge/            a judge behind an endpoint; judging.py: the test sets it scores
comparing.py      models with the first, example by example
kept.py           results that were computed before
contamination.py  test examples in training data
"""
