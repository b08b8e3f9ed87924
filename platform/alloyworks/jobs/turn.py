"""Whose turn it is: organisations share the slots evenly, whatever the length of their queues."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Waiting:
    """A queued job. Ids sort by time."""

    job: UUID
    organisation: UUID
    priority: int = 0  # within its organisation; higher goes first


def in_turn(queued: Iterable[Waiting], running: Counter[UUID]) -> Iterator[Waiting]:
    """The queue in the order in which slots are given out: next is always the organisation with
    the fewest jobs that run or were given a slot before; among equals, who has waited longest.
    """
    queues: dict[UUID, list[Waiting]] = defaultdict(list)
    for one in sorted(queued, key=lambda one: (-one.priority, one.job), reverse=True):
        queues[one.organisation].append(one)  # its next is the last
    heap = [(running[owner], queue[-1].job, owner) for owner, queue in queues.items()]
    heapq.heapify(heap)
    while heap:
        has, _, owner = heapq.heappop(heap)
        queue = queues[owner]
        yield queue.pop()
        if queue:
            heapq.heappush(heap, (has + 1, queue[-1].job, owner))
