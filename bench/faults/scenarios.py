"""Which faults strike in which scenario, and when."""

from functools import partial

from bench.faults.nemesis import Nemesis
from bench.faults.strikes import (
    Fault,
    fill_quota,
    flush,
    freezing,
    garble,
    kill,
    kill_attempt,
    outage,
    restart_database,
    spoil_storage,
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
    "storage": [(15, kill_attempt)],
    "frozen": [(4, freezing(FROZEN))],
    "mixed": [
        (5, kill),
        (11, flush),
        (17, garble),
        (23, fill_quota),
        (29, stall_storage),
        (37, stall_broker),
        (61, restart_database),
    ],
}
"""Scenario → what strikes again and again, and every how many seconds."""

OUTAGES = (0, 20, 60, 300)  # seconds
SPOILT = [(0, 0.1, 0.02), (120, 0.5, 0.1), (180, 0.1, 0.02), (300, 1.0, 0.0), (600, 0.1, 0.02)]
"""From which second on how many of storage's answers are 503 and how many are cut off."""


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
    if scenario == "storage":
        for at, busy, cut in SPOILT:
            nemesis.later(at, partial(spoil_storage, nemesis, busy, cut))
        nemesis.later(24 * 3600, partial(spoil_storage, nemesis, 0, 0), heals=True)
