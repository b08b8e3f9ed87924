"""What tells the weights of one model from those of every other."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def weights_digest(folder: Path) -> str:
    """SHA-256 (hexadecimal) over the names and SHA-256s of all safetensors files, by name."""
    files = sorted(folder.glob("*.safetensors"))
    with ThreadPoolExecutor() as threads:  # hashing leaves Python's lock to the others
        digests = list(threads.map(file_digest, files))
    lines = (f"{file.name} {digest}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
