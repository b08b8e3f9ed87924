"""The faults: each strikes once, at something that is drawn."""

import signal
import time
from collections.abc import Callable
from functools import partial

import psycopg
import redis
from celery import Celery

from bench.faults.nemesis import Kill, Nemesis
from bench.faults.stage import Runner
from bench.faults.tenant import Tenant

Fault = Callable[[Nemesis], None]
# Of us with the broker, in seconds: it may hang, and who woke it up would wait for it.
PATIENCE = {"socket_timeout": 2, "socket_connect_timeout": 2}


def kill(nemesis: Nemesis, spare: str = "") -> None:
    """SIGKILL to any process: a store, web, worker, an agent, an engine."""
    services = [mark for name, mark in nemesis.stage.services().items() if name != spare]
    targets = [*services, *nemesis.stage.runners()]
    if not targets:  # all are dead already, and not back yet
        return None
    target = nemesis.chance.choice(targets)
    if isinstance(target, Runner):
        return _kill_attempt(nemesis, target)
    if nemesis.send(target, signal.SIGKILL):
        nemesis.struck["killed a service"] += 1
    return None


def kill_attempt(nemesis: Nemesis) -> None:
    if runners := nemesis.stage.runners():
        _kill_attempt(nemesis, nemesis.chance.choice(runners))


def _kill_attempt(nemesis: Nemesis, runner: Runner) -> None:
    part = nemesis.chance.choice(["agent", "engine"])
    if nemesis.send(getattr(runner, part), signal.SIGKILL):
        nemesis.struck[f"killed an {part}"] += 1
        nemesis.kills.append(Kill(runner.job, runner.attempt, time.time()))


def flush(nemesis: Nemesis) -> None:
    """The broker forgets every message, and the cache with it."""
    if _asked(nemesis, lambda broker: broker.flushall()):
        nemesis.struck["flushed the broker"] += 1


def garble(nemesis: Nemesis) -> None:
    """Messages twice, late, of strangers, and such as nobody could have sent."""
    url = nemesis.stage.environment["ALLOY_BROKER_URL"]
    jobs = [
        (runner.job, tenant.organisation)
        for runner in nemesis.stage.runners()
        for tenant in nemesis.stage.tenants
    ]
    words = [*jobs, *jobs, ("no-id", "at all"), ("../../etc", "'; DROP TABLE jobs_job")]
    try:
        with Celery(broker=url, set_as_current=False) as app:
            app.conf.broker_transport_options = PATIENCE
            for args in words:
                app.send_task("alloyworks.jobs.tasks.look", args, retry=False)
            app.send_task("alloyworks.no.such.task", retry=False)
    except Exception as error:  # noqa: BLE001  # the broker may be down: then there is no fault
        nemesis.struck[f"could not garble ({type(error).__name__})"] += 1
        return
    if _asked(nemesis, lambda broker: broker.lpush("celery", "not a message")):
        nemesis.struck["sent wrong and double messages"] += len(words) + 2


def stall_storage(nemesis: Nemesis) -> None:
    nemesis.freeze("s3", nemesis.chance.uniform(2, 12))
    nemesis.struck["stalled storage"] += 1


def spoil_storage(nemesis: Nemesis, busy: float, cut: float) -> None:
    """From now on these shares of storage's answers are 503 or break off."""
    if nemesis.stage.store is None:
        raise RuntimeError("this stage has no store that can be made to fail")
    nemesis.stage.store.busy, nemesis.stage.store.cut = busy, cut


def stall_broker(nemesis: Nemesis) -> None:
    nemesis.freeze("valkey", nemesis.chance.uniform(2, 12))
    nemesis.struck["stalled the broker"] += 1


def restart_database(nemesis: Nemesis) -> None:
    """As `pg_ctl restart -m immediate`: every process of it dies at once."""
    if nemesis.send(nemesis.stage.services().get("postgres"), signal.SIGQUIT):
        nemesis.struck["restarted the database"] += 1


def fill_quota(nemesis: Nemesis) -> None:
    """A tenant's storage is full for a while: what it submits meanwhile is refused."""
    tenant = nemesis.chance.choice(nemesis.stage.tenants)
    if _allow(nemesis, tenant, 0):
        nemesis.struck["filled a quota"] += 1
        open_again = partial(_allow, nemesis, tenant, None)
        nemesis.later(nemesis.chance.uniform(2, 8), partial(_until, open_again), heals=True)


def _allow(nemesis: Nemesis, tenant: Tenant, bytes_stored: int | None) -> bool:
    url = nemesis.stage.environment["ALLOY_DATABASE_OWNER_URL"]
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            connection.execute(
                "INSERT INTO usage_limits (id, created_at, organisation_id, storage_bytes) "
                "VALUES (gen_random_uuid(), now(), %(whose)s, %(bytes)s) "
                "ON CONFLICT (organisation_id) DO UPDATE SET storage_bytes = %(bytes)s",
                {"whose": tenant.organisation, "bytes": bytes_stored},
            )
    except psycopg.OperationalError:
        return False
    return True


def _until(act: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not act():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the database was away for {patience:.0f} s")
        time.sleep(0.3)


def outage(seconds: float) -> Fault:
    """No database for so long. The supervisor sleeps meanwhile: it would start another at once."""

    def fault(nemesis: Nemesis) -> None:
        supervisor = nemesis.stage.supervisor()
        if seconds:
            nemesis.send(supervisor, signal.SIGSTOP)
        restart_database(nemesis)

        def wake() -> None:
            nemesis.send(supervisor, signal.SIGCONT)

        nemesis.later(seconds, wake, heals=True)
        nemesis.struck[f"database away for {seconds:.0f} s"] += 1

    return fault


def freezing(seconds: float) -> Fault:
    """An attempt stands still until its lease is long over; then it wakes and goes on."""

    def fault(nemesis: Nemesis) -> None:
        awake = [runner for runner in nemesis.stage.runners() if runner not in nemesis.frozen]
        if not awake:
            return
        runner = nemesis.chance.choice(awake)
        family = [mark for mark in (runner.agent, runner.engine) if mark]
        for mark in family:
            nemesis.send(mark, signal.SIGSTOP)
        nemesis.frozen.add(runner)
        nemesis.struck["froze an attempt past its lease"] += 1

        def wake() -> None:
            for mark in family:
                nemesis.send(mark, signal.SIGCONT)
            nemesis.woken.append((runner, time.time()))

        nemesis.later(seconds, wake, heals=True)

    return fault


def _asked(nemesis: Nemesis, question: Callable[["redis.Redis"], object]) -> bool:
    url = nemesis.stage.environment["ALLOY_BROKER_URL"]
    try:
        with redis.Redis.from_url(url, **PATIENCE) as broker:
            question(broker)
    except redis.RedisError:
        return False
    return True
