"""The processes that share a run. They all do the same, each on its share of every batch; what one
decides they must all decide, or they would wait for each other for ever.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch

from alloyengine.errors import InputError
from alloyengine.spec.train import TrainSpec

T = TypeVar("T")
_PATIENCE = timedelta(hours=2)  # for one that scans or saves while the others wait


@dataclass(frozen=True)
class World:
    """As seen by one of the processes. Every method with an exchange must be called by all."""

    rank: int = 0
    size: int = 1

    @property
    def alone(self) -> bool:
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this one reports and writes."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's; all shares together are all items."""
        return items if self.alone else items[self.rank :: self.size]

    def sums(self, values: Mapping[str, float]) -> dict[str, float]:
        """Over all processes, by name; all have the same names."""
        names = sorted(values)
        return dict(zip(names, self._reduced([values[name] for name in names], "SUM"), strict=True))

    def most(self, value: int) -> int:
        return int(self._reduced([value], "MAX")[0])

    def least(self, value: int) -> int:
        return int(self._reduced([value], "MIN")[0])

    def any(self, flag: bool) -> bool:
        return bool(self.most(int(flag)))

    def told(self, ask: Callable[[], T]) -> T:
        """What the first process is answered; the others wait for it."""
        box: list[Any] = [ask() if self.leads else None]
        if not self.alone:
            import torch.distributed as dist

            dist.broadcast_object_list(box, device=torch.device("cpu"))
        found: T = box[0]
        return found

    def seed(self, seed: int, step: int) -> None:
        """Chance of a step, such as dropout's: another in each process, and the same after an
        interruption. Alone, the random state is kept in checkpoints instead.
        """
        if not self.alone:
            torch.manual_seed(hash((seed, step, self.rank)) % (1 << 63))

    def _reduced(self, values: list[float], how: str) -> list[float]:
        if self.alone:
            return values
        import torch.distributed as dist

        numbers = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(numbers, getattr(dist.ReduceOp, how))
        return numbers.tolist()


ALONE = World()


@contextmanager
def joined() -> Iterator[World]:
    """What torchrun's environment says, or one alone. Numbers on the host go by gloo, those on GPUs by
    NCCL. One that fails says so by its end: others may still wait for it.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    import torch.distributed as dist

    on_gpus = torch.cuda.is_available()
    if on_gpus:
        _check_gpus(int(os.environ["LOCAL_WORLD_SIZE"]))
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=_PATIENCE)
    world = World(dist.get_rank(), size)
    yield world
    world.any(False)  # nobody leaves before all are done
    dist.destroy_process_group()


def leave() -> NoReturn:
    """Ends this process, whose part is done, at once: threads of torch's may be at work still, and C++
    aborts a process in which it finds one at the end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def check_world(spec: TrainSpec, world: World) -> None:
    """InputError where the spec asks for other processes than there are, or for what can't be shared."""
    wanted = spec.resources.processes
    if wanted == 1 and world.alone:
        return
    if wanted != world.size:
        raise InputError(
            "resources_processes",
            f"resources: gpus × nodes is {wanted}, and the number of processes {world.size}.",
            "Start it with alloy train, or on each node with torchrun --nproc-per-node GPUS "
            "--nnodes NODES.",
        )
    if spec.tuning.method == "qlora":
        raise InputError(
            "resources_tuning",
            "resources.gpus: weights of 4 bits can't be spread over GPUs.",
            "Use lora, or one GPU.",
        )
    if spec.forgetting:
        raise InputError(
            "resources_forgetting",
            "forgetting is measured by one process.",
            "Leave it out, and run alloy forgetting on the result.",
        )


def check_machine(spec: TrainSpec) -> None:
    """InputError when this machine has too little for its part of the run."""
    if torch.cuda.is_available():
        _check_gpus(spec.resources.gpus)
        return
    cores = len(os.sched_getaffinity(0))
    if spec.resources.gpus > cores:
        raise InputError(
            "resources_gpus",
            f"resources.gpus = {spec.resources.gpus}: this machine has no GPU, and {cores} cores.",
            f"Use at most {cores}: without GPUs it is the number of processes.",
        )


def _check_gpus(wanted: int) -> None:
    there = torch.cuda.device_count()
    if wanted > there:
        raise InputError(
            "resources_gpus",
            f"resources.gpus = {wanted}: this machine has {there}.",
            f"Use at most {there}, or more nodes.",
        )
