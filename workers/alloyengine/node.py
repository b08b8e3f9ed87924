"""The machines that share a run, as torchrun's variables name them (PET_…)."""

import os
from typing import Self

from alloyengine.spec.base import Spec


class Node(Spec):
    """One of them, seen by itself. The first leads: there the processes of all meet."""

    rank: int = 0
    count: int = 1
    address: str = "127.0.0.1"
    port: int = 0  # any that is free

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @classmethod
    def here(cls) -> Self:
        """What the environment says: several machines, or this one alone."""
        count = int(os.environ.get("PET_NNODES", "1"))
        if count == 1:
            return cls()
        return cls(
            rank=int(os.environ["PET_NODE_RANK"]),
            count=count,
            address=os.environ["PET_MASTER_ADDR"],
            port=int(os.environ["PET_MASTER_PORT"]),
        )


ONE = Node()
