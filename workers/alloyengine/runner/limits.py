"""What the engine's process may take of the machine, as the operator says.

ALLOY_ENGINE_MEMORY_GB    of its own, files that are mapped to be read not counted
ALLOY_ENGINE_FILE_GB      the largest file that it may write
ALLOY_ENGINE_PROCESSES    processes and threads of its user, root excepted

Without them nothing is limited. A container has limits of its own, which the kernel enforces for all of its
processes together; these are for machines on which attempts share a user.
"""

import os
import resource

GB = 10**9
_LIMITS = {
    "ALLOY_ENGINE_MEMORY_GB": (resource.RLIMIT_DATA, GB),
    "ALLOY_ENGINE_FILE_GB": (resource.RLIMIT_FSIZE, GB),
    "ALLOY_ENGINE_PROCESSES": (resource.RLIMIT_NPROC, 1),
}
NAMES = tuple(_LIMITS)


def keep() -> None:
    """Binds this process and all it starts, for good. No core dumps: they would hold tenants' data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, (what, unit) in _LIMITS.items():
        if text := os.environ.get(name):
            most = int(float(text) * unit)
            resource.setrlimit(what, (most, most))


def memory() -> float | None:
    """GB that this process may take; None when that is not limited."""
    return _most(resource.RLIMIT_DATA)


def file() -> float | None:
    """GB of the largest file that this process may write; None when that is not limited."""
    return _most(resource.RLIMIT_FSIZE)


def _most(what: int) -> float | None:
    found = resource.getrlimit(what)[0]
    return None if found == resource.RLIM_INFINITY else found / GB
