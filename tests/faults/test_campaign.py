"""The fault campaign in short: what it plays, what it finds, and that it would find a loss."""

import os
import random
import time
from collections.abc import Iterator

import pytest

from bench.faults import scenarios
from bench.faults.campaign import SETTINGS
from bench.faults.figures import figures
from bench.faults.invariants import violations
from bench.faults.nemesis import Nemesis
from bench.faults.plays import Accepted, merges, play
from bench.faults.stage import Stage, stage

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    before = dict(os.environ)
    try:
        with stage(tmp_path_factory.mktemp("campaign") / "state", SETTINGS, tenants=2) as found:
            yield found
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def accepted() -> list[Accepted]:
    return []


def finish(accepted: list[Accepted]) -> None:
    deadline = time.monotonic() + 240
    while not all(job.tenant.job(job.id)["finished_at"] for job in accepted):
        assert time.monotonic() < deadline, "a job did not end"
        time.sleep(0.3)


def settled(here: Stage, accepted: list[Accepted]) -> list[str]:
    """The violations, once processes had time to leave and sweepers to sweep."""
    deadline = time.monotonic() + 60
    while (wrong := violations(here, accepted)) and time.monotonic() < deadline:
        time.sleep(1)
    return wrong


def test_nothing_is_lost_under_all_faults(here: Stage, accepted: list[Accepted]) -> None:
    enemy = Nemesis(here, random.Random(1))
    scenarios.begin(enemy, "mixed")
    chance = random.Random(1)
    for _ in range(5):
        accepted.extend(play(here, chance))
        until = time.monotonic() + 4
        while time.monotonic() < until:
            enemy.turn()
            time.sleep(0.1)
    enemy.rest()
    finish(accepted)
    assert settled(here, accepted) == []
    assert sum(figures(accepted, enemy)["faults"].values()) >= 3


def test_a_loss_would_be_found(here: Stage, accepted: list[Accepted]) -> None:
    """An object that is gone, one that belongs to nothing, a job that nobody knows."""
    tenant = here.tenants[0]
    (job,) = merges(here, tenant, random.Random(0))
    accepted.append(job)
    finish([job])
    assert settled(here, accepted) == []
    prefix = f"orgs/{tenant.organisation}/jobs/{job.id}/attempts/1/"
    folder = here.running.state_dir / "s3" / "alloyworks" / prefix
    (folder / "config.json").rename(folder / "strange.json")
    time.sleep(1.5)  # the store looks at its folders once a second
    found = violations(here, [*accepted, Accepted("lost", tenant, "merge", 0.0, job.ends)])
    assert any("config.json should have" in words for words in found)
    assert any("strange.json belongs to nothing" in words for words in found)
    assert any("Job lost was accepted and is lost" in words for words in found)
    assert any(f"Job {job.id} exists, but nobody" in words for words in violations(here, []))
