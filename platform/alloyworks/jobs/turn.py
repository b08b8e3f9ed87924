"""Whose turn it is: organisations share the slots evenly, whatever the length of their queues.

Next is always the organisation with the fewest jobs that run or were given a slot before; among
equals, who has waited longest. Inside an organisation a job of higher priority goes first. So the
n-th job of an organisation comes when it would have n jobs more than it runs, and the whole order is
one by that number and the job's id, which `alloy_turns()` of the database computes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection


@dataclass(frozen=True)
class Waiting:
    """A queued job, of any organisation. Ids sort by time."""

    job: UUID
    organisation: UUID


@dataclass(frozen=True)
class Place:
    """Where a job stands."""

    place: int | None  # in the queue of everybody's jobs, 1 is next; None: not in the queue
    mine: int  # jobs of its organisation that run
    running: int  # of everybody's


def in_turn() -> Iterator[Waiting]:
    """The queue in the order in which slots are given out. Rows are read as they are asked for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, organisation_id FROM alloy_turns() ORDER BY place")
        for row in cursor:
            yield Waiting(*row)


def place_of(waiting: Waiting) -> Place:
    """As it is now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT place FROM alloy_turns() WHERE job_id = %s),
                coalesce(sum(jobs) FILTER (WHERE organisation_id = %s), 0), coalesce(sum(jobs), 0)
            FROM alloy_started()
            """,
            [waiting.job, waiting.organisation],
        )
        place, mine, running = cursor.fetchone()
    return Place(place, int(mine), int(running))
