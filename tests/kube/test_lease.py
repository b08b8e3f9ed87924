"""Of several controllers one leads."""

import threading
import time
from collections.abc import Callable

import pytest

from alloykube import api as ours
from alloykube.api import Api
from alloykube.lease import Lease, lead
from tests.kube.cast import until
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster

NAME = "alloyworks-controller"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))


def spec(cluster: Cluster) -> dict[str, object]:
    found: dict[str, object] = cluster.store.get("leases", NAME)["spec"]
    return found


def test_the_first_gets_it_and_keeps_it(api: Api, cluster: Cluster) -> None:
    one, other = (Lease(api, NAME, holder) for holder in ("one", "other"))

    assert [one.take(), other.take(), one.take(), other.take()] == [True, False, True, False]
    assert spec(cluster)["holderIdentity"] == "one"
    assert spec(cluster)["leaseTransitions"] == 0


def test_of_many_who_try_at_once_one_gets_it(api: Api) -> None:
    got: list[bool] = []
    leases = [Lease(api, NAME, f"holder-{number}") for number in range(8)]
    threads = [threading.Thread(target=lambda one=one: got.append(one.take())) for one in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == [False] * 7 + [True]


def test_one_that_is_not_renewed_is_taken_over(api: Api, cluster: Cluster) -> None:
    Lease(api, NAME, "dead", seconds=1).take()
    heir = Lease(api, NAME, "heir", seconds=1)
    assert not heir.take()

    until(heir.take)

    assert spec(cluster)["leaseTransitions"] == 1


def test_one_that_is_renewed_is_not_taken_over(api: Api) -> None:
    """Though its holder's clock stands still: what counts is that the sign changes."""
    holder, other = (Lease(api, NAME, who, seconds=1) for who in ("holder", "other"))
    for _ in range(8):
        assert holder.take()
        time.sleep(0.2)
        assert not other.take()


def test_one_that_is_given_back_is_free_at_once(api: Api) -> None:
    one, other = (Lease(api, NAME, holder) for holder in ("one", "other"))
    one.take()

    other.release()  # it is not the other's to give
    assert not other.take()
    one.release()
    assert other.take()


class Work:
    """Notes who works."""

    def __init__(self) -> None:
        self.at_work: list[str] = []

    def of(self, name: str) -> Callable[[threading.Event], None]:
        def work(over: threading.Event) -> None:
            self.at_work.append(name)
            over.wait()
            self.at_work.remove(name)

        return work


def leading(api: Api, work: Work, name: str) -> tuple[threading.Event, threading.Thread]:
    stopping = threading.Event()
    lease = Lease(api, NAME, name, seconds=1)
    thread = threading.Thread(target=lead, args=(lease, work.of(name), stopping), daemon=True)
    thread.start()
    return stopping, thread


def test_the_second_works_when_the_first_leaves(api: Api) -> None:
    work = Work()
    stop_first, first = leading(api, work, "first")
    until(lambda: work.at_work == ["first"])
    stop_second, second = leading(api, work, "second")
    time.sleep(1.5)
    assert work.at_work == ["first"]

    stop_first.set()
    first.join(5)
    until(lambda: work.at_work == ["second"])

    stop_second.set()
    second.join(5)
    assert work.at_work == []


def test_a_leader_that_can_not_renew_stops_working(api: Api, cluster: Cluster) -> None:
    work = Work()
    stopping, thread = leading(api, work, "cut off")
    until(lambda: work.at_work)

    cluster.script.add(Fault("", "leases", status=503, times=10**6))
    until(lambda: not work.at_work)

    cluster.script.clear()
    until(lambda: work.at_work)
    stopping.set()
    thread.join(5)


def test_what_the_work_raises_is_raised(api: Api) -> None:
    def broken(_over: threading.Event) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        lead(Lease(api, NAME, "one", seconds=1), broken, threading.Event())
