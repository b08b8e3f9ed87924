import threading

import pytest

from alloyengine.merge.workers import Workers


def test_low_ranks_go_first_and_equals_in_order():
    order, gate = [], threading.Event()
    with Workers(1) as workers:
        workers.submit(0, gate.wait)
        for rank, name in ((2, "c"), (1, "a"), (2, "d"), (1, "b")):
            workers.submit(rank, order.append, name)
        gate.set()
    assert order == ["a", "b", "c", "d"]


def test_what_goes_wrong_is_raised_where_the_result_is_asked_for():
    with Workers(2) as workers:
        future = workers.submit(0, lambda: 1 / 0)
        assert workers.submit(1, lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_cancelled_work_is_left_out():
    done, gate = [], threading.Event()
    with Workers(1) as workers:
        workers.submit(0, gate.wait)
        assert workers.submit(1, done.append, 1).cancel()
        gate.set()
    assert done == []


def test_all_threads_work():
    meeting = threading.Barrier(3)
    with Workers(3) as workers:
        found = [workers.submit(0, meeting.wait, 5) for _ in range(3)]
    assert sorted(future.result() for future in found) == [0, 1, 2]


def test_who_comes_too_late_is_told_and_does_not_wait():
    with Workers(2) as workers:
        pass
    with pytest.raises(RuntimeError, match="have left"):
        workers.submit(0, int)
