"""What a metric of answers looks like."""

from collections.abc import Callable

from alloyengine.spec.evaluate import TestSet

Grade = Callable[[str, str], float]
"""Of an answer and of what was expected: 1 is right, 0 is wrong."""

Rule = Callable[[TestSet], Grade]
"""Made once for a test set, so that what its settings say is read once. Raises InputError."""
