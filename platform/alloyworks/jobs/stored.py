"""Manifests compared with storage."""

from collections.abc import Iterable

from alloyengine.spec.protocol import FileSize
from alloyworks.storage import keys, objects


def contradiction(prefix: str, files: Iterable[FileSize]) -> str:
    """What of a manifest is not so; empty when all is.

    Sizes are compared here; contents by whoever fetches a file, against its SHA-256.
    """
    for file in files:
        found = objects.stat(keys.key(prefix, file.path))
        if found is None or found.size != file.size:
            there = "is not there" if found is None else f"has {found.size:,} bytes"
            return f"{file.path} should have {file.size:,} bytes in storage, but {there}."
    return ""
