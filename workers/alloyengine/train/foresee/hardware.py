"""What this machine can do: measured in a second, not looked up."""

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from alloyengine.loading import is_fast

_SECONDS = 0.3  # of each measurement
_ROWS, _COPIED = 256, 1 << 24  # tokens; numbers
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Room:
    """Bytes of memory where the model will be: what is free, and what the process takes already."""

    free: int
    process: int

    @classmethod
    def now(cls) -> "Room":
        if torch.cuda.is_available():
            return cls(torch.cuda.mem_get_info()[0], int(torch.cuda.memory_reserved()))
        return cls(free_memory(), _resident())


@dataclass(frozen=True)
class Speed:
    """Of matrix products (multiplications and additions a second, in the type they are made in), and of
    moving numbers through memory (bytes a second). `call`: seconds that a small operation takes, forward
    and backward, however few its numbers are.
    """

    products: float
    moves: float
    call: float

    @classmethod
    def measured(cls, width: int) -> "Speed":
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if is_fast("bfloat16") else torch.float32
        rows = torch.randn(_ROWS * (16 if device.type == "cuda" else 1), width, device=device)
        matrix = torch.randn(width, 4 * width, device=device, dtype=dtype)
        rows = rows.to(dtype)
        numbers = torch.zeros(_COPIED, device=device)
        other = torch.zeros_like(numbers)
        product = _seconds(lambda: rows @ matrix, device)
        move = _seconds(lambda: other.copy_(numbers), device)
        few = torch.ones(1, width, device=device, requires_grad=True)
        call = _seconds(lambda: _small(few), torch.device("cpu"))
        return cls(2 * rows.shape[0] * matrix.numel() / product, 2 * numbers.nbytes / move, call)


def _small(few: torch.Tensor) -> None:
    (few * few.detach()).sum().backward()  # type: ignore[no-untyped-call]


def _seconds(action: Callable[[], object], device: torch.device) -> float:
    """Of one call, the median of many: until the device is done, or on "cpu" until it was told."""
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS
    action()
    while not taken or time.perf_counter() < end:
        begun = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def free_memory() -> int:
    """Bytes of the machine's own, whatever its accelerators have."""
    return min(_free(), _allowed())


def _free() -> int:
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(told["MemAvailable"].split()[0]) * 1024


def _allowed() -> int:
    """What a container's limit leaves."""
    most, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if not most.is_file() or most.read_text().strip() == "max":
        return 1 << 62
    return int(most.read_text()) - int(used.read_text())


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
