"""Evaluation: models × test sets, scored by exact match or perplexity."""
