"""Which faults strike in which scenario, and when."""

from functools import partial

from bench.faults.nemesis import Nemesis
from bench.faults.strikes import (
    Fault,
    flush,
    freezing,
    garble,
    kill,
    outage,
    restart_database,
    stall_broker,
    stall_storage,
)

LEASE = 10  # seconds that an attempt of the campaign may be silent
FROZEN = LEASE + 15.0
SCENARIOS: dict[str, list[tuple[float, Fault]]] = {
    "kill": [(5, kill)],
    "flush": [(5, kill), (10, flush)],
    "no-broker": [(5, lambda nemesis: kill(nemesis, spare="valkey"))],
    "database": [],
    "frozen": [(4, freezing(FROZEN))],
    "mixed": [
        (5, kill),
        (11, flush),
        (17, garble),
        (29, stall_storage),
        (37, stall_broker),
        (61, restart_database),
    ],
}
"""Scenario → what strikes again and again, and every how many seconds."""

OUTAGES = (0, 20, 60, 300)  # seconds


def begin(nemesis: Nemesis, scenario: str) -> None:
    for seconds, fault in SCENARIOS[scenario]:
        nemesis.every(seconds, fault)
    if scenario == "no-broker":
        nemesis.freeze("valkey", 24 * 3600)
        nemesis.struck["took the broker away"] += 1
    if scenario == "database":
        at = 20.0
        for seconds in OUTAGES:
            nemesis.later(at, partial(outage(seconds), nemesis))
            at += seconds + 60
