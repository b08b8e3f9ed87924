"""The plain program that a merge is compared with: it reads its inputs whole and writes one output
as large as the first, by two threads, without any arithmetic.

    python bench/merge_copy.py OUT INPUT [INPUT ...]
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

BLOCK = 4 << 20
THREADS = 2


def copy(out: str, inputs: Sequence[str]) -> None:
    size = os.stat(inputs[0]).st_size
    read = [os.open(path, os.O_RDONLY) for path in inputs]
    written = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.truncate(written, size)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda nth: _blocks(nth, size, read, written), range(THREADS)))


def _blocks(nth: int, size: int, read: Sequence[int], written: int) -> None:
    """Every block of which this thread is in charge: the others' last, as a merge reads them all."""
    buffers = [bytearray(BLOCK) for _ in read]
    for at in range(nth * BLOCK, size, THREADS * BLOCK):
        counts = [os.preadv(file, [buf], at) for file, buf in zip(read, buffers, strict=True)]
        os.pwrite(written, memoryview(buffers[0])[: counts[0]], at)


if __name__ == "__main__":
    copy(sys.argv[1], sys.argv[2:])
