"""Whose turn it is: organisations share the slots evenly, whatever the length of their queues."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection


@dataclass(frozen=True)
class Waiting:
    """A queued job. Ids sort by time."""

    job: UUID
    organisation: UUID
    priority: int = 0  # within its organisation; higher goes first


@dataclass(frozen=True)
class Queue:
    """Everybody's: no more than ids and numbers is known of other organisations' jobs."""

    queued: list[Waiting] = field(default_factory=list)
    started: Counter[UUID] = field(default_factory=Counter)  # jobs that run, by organisation

    def in_turn(self) -> Iterator[Waiting]:
        return in_turn(self.queued, self.started)


def queue() -> Queue:
    """As it is now."""
    found = Queue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, organisation_id, priority, is_started FROM alloy_queue()")
        for job, organisation, priority, is_started in cursor.fetchall():
            if is_started:
                found.started[organisation] += 1
            else:
                found.queued.append(Waiting(job, organisation, priority))
    return found


def in_turn(queued: Iterable[Waiting], started: Counter[UUID]) -> Iterator[Waiting]:
    """The queue in the order in which slots are given out: next is always the organisation with
    the fewest jobs that run or were given a slot before; among equals, who has waited longest.
    """
    queues: dict[UUID, list[Waiting]] = defaultdict(list)
    for one in sorted(queued, key=lambda one: (-one.priority, one.job), reverse=True):
        queues[one.organisation].append(one)  # its next is the last
    heap = [(started[owner], queue[-1].job, owner) for owner, queue in queues.items()]
    heapq.heapify(heap)
    while heap:
        has, _, owner = heapq.heappop(heap)
        queue = queues[owner]
        yield queue.pop()
        if queue:
            heapq.heappush(heap, (has + 1, queue[-1].job, owner))
