"""Attempts as real detached processes of this machine."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from alloyworks.embedded import processes
from alloyworks.jobs.executors import local
from alloyworks.jobs.executors.local import LocalExecutor
from alloyworks.jobs.models import Attempt


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    """Its runners knock at a door that nobody opens, and so go on until they are ended."""
    yield LocalExecutor(tmp_path / "attempts", slots=1)
    processes.end(processes.runners(tmp_path), patience=0)


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(organisation_id=uuid4(), job_id=uuid4(), number=1)


def process_of(executor: LocalExecutor) -> psutil.Process:
    mark = local._mark(next(home for home in executor.folder.iterdir() if home.is_dir()))
    assert mark is not None
    return psutil.Process(mark.pid)


def environment_of(process: psutil.Process) -> dict[str, str]:
    """The kernel shows none for a moment, while a new process puts its own together."""
    deadline = time.monotonic() + 10
    while not (found := process.environ()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_a_runner_lives_in_a_session_of_its_own_and_ends_by_order(
    executor: LocalExecutor, attempt: Attempt
) -> None:
    executor.launch(attempt)
    pid = process_of(executor).pid

    assert executor.alive(attempt)
    assert os.getsid(pid) == pid
    executor.end(attempt)

    assert not executor.alive(attempt)
    assert [home for home in executor.folder.iterdir() if home.is_dir()] == []


def test_launching_twice_starts_one_runner(executor: LocalExecutor, attempt: Attempt) -> None:
    executor.launch(attempt)
    first = process_of(executor).pid

    executor.launch(attempt)

    assert process_of(executor).pid == first
    executor.end(attempt)


def test_of_many_who_launch_at_once_one_starts_a_runner(
    executor: LocalExecutor, attempt: Attempt, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: executor.launch(attempt), range(8)))
    environment_of(process_of(executor))  # the kernel shows a new process' words a moment later

    assert len(processes.runners(tmp_path)) == 1
    executor.end(attempt)


def test_a_runner_whose_starter_was_killed_too_soon_is_found(
    executor: LocalExecutor, attempt: Attempt, tmp_path: Path
) -> None:
    executor.launch(attempt)
    environment_of(process_of(executor))
    (executor.folder / f"{attempt.job_id}-1" / "mark.json").unlink()

    assert executor.alive(attempt)
    executor.launch(attempt)
    assert len(processes.runners(tmp_path)) == 1
    executor.end(attempt)
    assert processes.runners(tmp_path) == []


def test_it_tells_whose_runners_run(executor: LocalExecutor, attempt: Attempt) -> None:
    executor.launch(attempt)

    [found] = executor.runners()

    assert str(found.organisation_id) == str(attempt.organisation_id)
    assert (str(found.job_id), found.number) == (str(attempt.job_id), 1)
    executor.end(found)
    assert not executor.alive(attempt)
    assert executor.runners() == []


def test_there_is_room_again_when_a_runner_has_died(
    executor: LocalExecutor, attempt: Attempt
) -> None:
    with executor.turn() as free:
        assert free
        executor.launch(attempt)
    with executor.turn() as free:
        assert not free

    process_of(executor).kill()
    deadline = time.monotonic() + 10
    while executor.alive(attempt) and time.monotonic() < deadline:
        time.sleep(0.05)

    with executor.turn() as free:
        assert free


def test_a_runner_knows_its_token_and_none_of_our_secrets(
    executor: LocalExecutor, attempt: Attempt
) -> None:
    executor.launch(attempt)
    environment = environment_of(process_of(executor))

    ours = {name for name in environment if name.startswith("ALLOY_")} - {"ALLOY_CPU_DTYPE"}
    assert ours == {"ALLOY_RUNNER_URL", "ALLOY_RUNNER_TOKEN_FILE", "ALLOY_RUNNER_SCRATCH"}
    secret = Path(environment["ALLOY_RUNNER_TOKEN_FILE"])
    assert secret.stat().st_mode & 0o077 == 0
    executor.end(attempt)


def test_what_a_finished_attempt_left_is_swept_away_after_a_while(
    executor: LocalExecutor, attempt: Attempt
) -> None:
    home = executor.folder / f"{attempt.job_id}-1"
    for age, stays in ((0.0, True), (local.KEPT + 60, False)):
        home.mkdir(exist_ok=True)
        os.utime(home, (time.time() - age,) * 2)
        with executor.turn():
            assert home.exists() == stays
