"""All checks, in an order in which each can rely on those before it."""

from collections.abc import Callable, Iterator

from alloyworks.doctor import cluster, database, processes, settings, stores
from alloyworks.doctor.findings import Finding, Findings, problem

Check = Callable[[], Findings]
ALWAYS: tuple[Check, ...] = (settings.addresses, settings.secrecy, settings.web)
DATABASE: tuple[Check, ...] = (
    database.role,
    database.walls,
    database.tables,
    database.clock,
    processes.beat,
)
BROKER: tuple[Check, ...] = (processes.worker,)
OTHERS: tuple[Check, ...] = (stores.storage, stores.mails, stores.disk, cluster.cluster)


def checkup() -> Iterator[Finding]:
    """Every finding as it is made."""
    for check in ALWAYS:
        yield from _told(check)
    yield from _with_its_own(database.answers, DATABASE)
    yield from _with_its_own(stores.broker, BROKER)
    for check in OTHERS:
        yield from _told(check)


def _with_its_own(first: Check, further: tuple[Check, ...]) -> Iterator[Finding]:
    """What can't be asked when nobody answers is not asked."""
    found = list(_told(first))
    yield from found
    if not any(finding.remedy and finding.check in ("database", "broker") for finding in found):
        for check in further:
            yield from _told(check)


def _told(check: Check) -> Iterator[Finding]:
    name = check.__name__
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001  # one check's trouble is a finding, too
        words = f"The check itself failed: {type(error).__name__}: {error}"
        yield problem(name, words, "Please report this, with the words above.")
