"""Models of different vocabularies are merged row by row: which row belongs to which token."""

from alloyengine.merge.tokenizer.plan import plan_vocabulary
from alloyengine.merge.tokenizer.vocabulary import Run, Vocabulary

__all__ = ["Run", "Vocabulary", "plan_vocabulary"]
