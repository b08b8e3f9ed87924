"""What `alloy doctor` says of things that a healthy stack does not have."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error

from alloyworks.config import config
from alloyworks.doctor import checkup, database, processes, settings, stores
from alloyworks.doctor.findings import Finding, Findings
from alloyworks.jobs import pulse

Patch = pytest.MonkeyPatch


def worst(check: Callable[[], Findings]) -> Finding:
    order = ("ok", "warning", "problem")
    return max(check(), key=lambda finding: order.index(finding.level))


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (150013, "problem"), (150014, "ok"), (160009, "problem"), (170005, "problem"),
        (170006, "ok"), (180000, "ok"), (140099, "problem"),
    ],
)  # fmt: skip
def test_versions_with_holes_are_refused(monkeypatch: Patch, number: int, level: str) -> None:
    monkeypatch.setattr(database, "_rows", lambda _: [(number,)])

    assert worst(database.answers).level == level


def test_a_database_that_is_away_is_said_once(monkeypatch: Patch) -> None:
    def away(_: str) -> None:
        raise Error("connection refused\nand more")

    monkeypatch.setattr(database, "_rows", away)
    monkeypatch.setattr(checkup, "ALWAYS", ())
    monkeypatch.setattr(checkup, "OTHERS", ())
    monkeypatch.setattr(checkup, "BROKER", ())
    found = [finding for finding in checkup.checkup() if finding.level == "problem"]

    assert [finding.check for finding in found] == ["database"]
    assert "and more" not in found[0].words


@pytest.mark.parametrize(("skew", "level"), [(0, "ok"), (5, "warning"), (-60, "problem")])
def test_clocks_that_differ_are_seen(monkeypatch: Patch, skew: float, level: str) -> None:
    from time import time

    monkeypatch.setattr(database, "_rows", lambda _: [(time() + skew,)])

    assert worst(database.clock).level == level


def test_tables_of_another_release_are_seen(db: None, monkeypatch: Patch) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    real = MigrationRecorder.applied_migrations
    assert worst(database.tables).level == "ok"

    def more(self: Any) -> Any:
        return {**real(self), ("jobs", "9999_later"): None}

    def fewer(self: Any) -> Any:
        return {key: row for key, row in real(self).items() if key[0] != "webhooks"}

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", more)
    assert "9999_later" in worst(database.tables).words
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", fewer)
    assert "webhooks 0001_initial" in worst(database.tables).words


def test_the_test_database_is_well(db: None) -> None:
    pulse.beat(pulse.RECONCILER)
    for check in checkup.DATABASE:
        assert worst(check).level == "ok", check


@pytest.mark.parametrize(
    ("field", "value", "check"),
    [
        ("public_url", "http://alloy.example", settings.addresses),
        ("public_url", "https://alloy.example/below", settings.addresses),
        ("public_url", "alloy.example", settings.addresses),
        ("allowed_hosts", "other.example", settings.addresses),
        ("allowed_hosts", "*", settings.addresses),
        ("webhook_allow_http", True, settings.secrecy),
    ],
)
def test_settings_that_are_dangerous_are_named(
    monkeypatch: Patch, field: str, value: object, check: Callable[[], Findings]
) -> None:
    monkeypatch.setattr(config, field, value)

    assert worst(check).level != "ok" and worst(check).remedy


def test_debug_where_others_come_is_a_problem(monkeypatch: Patch) -> None:
    monkeypatch.setattr(config, "debug", True)
    assert worst(settings.secrecy).level == "ok"
    monkeypatch.setattr(config, "public_url", "https://alloy.example")

    assert "ALLOY_DEBUG" in worst(settings.secrecy).words


def test_beat_that_stands_still_is_seen(db: None, monkeypatch: Patch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0)
    assert "never called" in worst(processes.beat).words
    pulse.beat(pulse.RECONCILER)
    assert worst(processes.beat).level == "ok"
    monkeypatch.setattr(processes, "LATE", -1)
    assert worst(processes.beat).level == "problem"


def test_no_worker_is_seen(db: None) -> None:
    assert "no worker answers" in worst(processes.worker).words


def test_a_full_disk_is_seen(monkeypatch: Patch) -> None:
    monkeypatch.setattr(stores, "ROOM_NOTICED", 1e18)
    assert worst(stores.disk).level == "warning"
    monkeypatch.setattr(stores, "ROOM_WRONG", 1e18)
    assert worst(stores.disk).level == "problem"


def test_mails_go_where_a_server_listens(monkeypatch: Patch) -> None:
    assert worst(stores.mails).level == "ok"
    monkeypatch.setattr(config, "email_dir", None)
    monkeypatch.setattr(config, "email_url", "smtp://127.0.0.1:9")
    assert worst(stores.mails).level == "warning"


def test_a_probe_leaves_nothing_in_storage(db: None) -> None:
    from alloyworks.storage import objects

    objects.ensure_bucket()
    assert [finding.level for finding in stores.storage()] == ["ok", "ok"]
    assert not objects.any_below("doctor/")


def test_a_store_that_forgets_is_seen(db: None, monkeypatch: Patch) -> None:
    from alloyworks.storage import objects

    monkeypatch.setattr(objects, "get_bytes", lambda _: b"other")
    assert "were not sent" in worst(stores.storage).words


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken() -> Findings:
        raise ZeroDivisionError
        yield

    [finding] = checkup._told(broken)
    assert finding.level == "problem" and "ZeroDivisionError" in finding.words
