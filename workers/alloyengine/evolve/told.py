"""What a job's page draws of the candidates."""

from collections.abc import Sequence
from typing import Any

from alloyengine.evolve.history import Candidate

CANDIDATES = "candidates"  # the report's name
_MOST = 2000


def told(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """The newest of those that have a score: number, generation, score, whether all was asked, and what
    each task was worth.
    """
    scored = [each for each in candidates if each.score is not None]
    rows = [
        {
            "number": each.number,
            "generation": each.generation,
            "score": each.score,
            "whole": each.whole,
            "worths": list(each.worths),
        }
        for each in scored[-_MOST:]
    ]
    return {"tried": len(candidates), "failed": len(candidates) - len(scored), "rows": rows}
