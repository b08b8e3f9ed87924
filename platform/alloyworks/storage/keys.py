"""Where things lie in the bucket. Only the server makes keys; users' words never enter one.

orgs/<organisation>/datasets/<dataset>/train.jsonl
orgs/<organisation>/jobs/<job>/attempts/<number>/model.safetensors
orgs/<organisation>/jobs/<job>/checkpoints/<attempt>-<step>/step-000120/weights.safetensors
base/<model version>/model.safetensors
"""

import re
from uuid import UUID

from alloyworks.errors import invalid

# As alloyengine.spec.protocol.FilePath: no empty, hidden or dotted segment, at most four.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,3}}")
LONGEST_PATH = 200


def dataset_prefix(organisation: UUID, dataset: UUID) -> str:
    return f"orgs/{UUID(str(organisation))}/datasets/{UUID(str(dataset))}/"


def attempt_prefix(organisation: UUID, job: UUID, number: int) -> str:
    return f"orgs/{UUID(str(organisation))}/jobs/{UUID(str(job))}/attempts/{int(number)}/"


def checkpoints_prefix(organisation: UUID, job: UUID) -> str:
    """Of all attempts: a later one goes on from an earlier one's."""
    return f"orgs/{UUID(str(organisation))}/jobs/{UUID(str(job))}/checkpoints/"


def checkpoint_prefix(organisation: UUID, job: UUID, attempt: int, step: int) -> str:
    return f"{checkpoints_prefix(organisation, job)}{int(attempt)}-{int(step)}/"


def base_prefix(version: UUID) -> str:
    return f"base/{UUID(str(version))}/"


def key(prefix: str, path: str) -> str:
    """The key of a file below a prefix; Invalid when the path could lead elsewhere."""
    if len(path) > LONGEST_PATH or not _PATH.fullmatch(path):
        remedy = (
            f"Use at most {LONGEST_PATH} letters, digits, '.', '_' and '-', in at most four "
            "parts divided by '/', none of which begins with '.' or '-'."
        )
        raise invalid(["path"], f"{path[:LONGEST_PATH]!r} can't be the name of a file.", remedy)
    return prefix + path
