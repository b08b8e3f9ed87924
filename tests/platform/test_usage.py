"""The ledger of what attempts used, and the limits of organisations."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets
from alloyworks.config import config
from alloyworks.errors import NotFound, TooLarge, TooMany
from alloyworks.jobs.models import Attempt, JobState
from alloyworks.tenancy import scope
from alloyworks.usage import ledger, limits, metering, months, operator
from alloyworks.usage.models import Usage
from tests.platform import nobodys
from tests.platform.attempts import EVALUATE, new_job, started
from tests.platform.catalog_cast import make_dataset, make_model

Api = Callable[[Principal], Client]
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def ended(principal: Principal, seconds: float, begun: datetime, gpus: int = 0) -> Attempt:
    attempt = started(principal)
    attempt.started_at, attempt.finished_at = begun, begun + timedelta(seconds=seconds)
    attempt.handle = {"gpus": gpus}
    return attempt


@pytest.fixture
def here(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


def test_an_attempt_is_metered_once(here: Principal) -> None:
    attempt = ended(here, 90, NOVEMBER, gpus=2)
    for _ in range(3):
        metering.meter(attempt, tokens=70, stored_bytes=5)

    (row,) = Usage.objects.all()
    assert (row.seconds, row.gpus, row.tokens, row.stored_bytes) == (90, 2, 70, 5)


def test_an_attempt_that_never_ran_costs_nothing(here: Principal) -> None:
    metering.meter(started(here))

    assert not Usage.objects.exists()


def test_a_month_is_summed_by_kind_and_by_day(here: Principal) -> None:
    december = NOVEMBER.replace(month=12)
    for begun in (NOVEMBER, NOVEMBER + timedelta(days=2, hours=3), december - timedelta(seconds=1)):
        metering.meter(ended(here, 60, begun, gpus=1), tokens=10)
    metering.meter(ended(here, 60, december))
    rows = ledger.entries(here, NOVEMBER)

    assert ledger.total(rows).gpu_seconds == 180
    assert [(kind.name, kind.attempts, kind.tokens) for kind in ledger.by_kind(rows)] == [
        ("train", 3, 30)
    ]
    days = ledger.by_day(rows, NOVEMBER)
    assert len(days) == 30
    assert {day.name: day.attempts for day in days if day.attempts} == {
        "2026-11-01": 1,
        "2026-11-03": 1,
        "2026-11-30": 1,
    }


def test_the_export_has_a_line_an_attempt(here: Principal) -> None:
    attempt = ended(here, 1.5, NOVEMBER)
    attempt.job.name = "=HYPERLINK(1)"
    attempt.job.save()
    metering.meter(attempt)
    head, line = "".join(ledger.as_csv(ledger.entries(here, NOVEMBER))).splitlines()

    assert head.split(",") == list(ledger.COLUMNS)
    assert line.split(",")[1:6] == [str(attempt.job_id), "'=HYPERLINK(1)", "train", "1", "1.5"]


def test_storage_is_counted_to_the_byte(here: Principal) -> None:
    files = [{"path": "a", "size": 7, "sha256": ""}, {"path": "b", "size": 10**12, "sha256": ""}]
    make_dataset(here, files=files)
    make_model(here, files=files[:1])
    new_job(here, EVALUATE, files=files[:1])

    assert limits.stored(here.organisation.id) == 3 * 7 + 10**12


class TestLimits:
    def test_of_the_deployment_count_where_none_are_set(
        self, here: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "limit_open_jobs", 2)
        new_job(here)
        limits.refuse_job(here.organisation.id)
        new_job(here)

        with pytest.raises(TooMany, match="2 jobs are waiting or running; 2 may"):
            limits.refuse_job(here.organisation.id)

    def test_hours_of_a_month_are_used_up(
        self, here: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "limit_gpu_hours", 2.0)
        now = months.month_of(datetime.now(UTC))
        metering.meter(ended(here, 3600, now - timedelta(hours=2), gpus=8))  # last month
        metering.meter(ended(here, 3599, now, gpus=2))
        limits.refuse_job(here.organisation.id)
        metering.meter(ended(here, 2, now, gpus=1))

        with pytest.raises(TooMany, match=r"This month's 2 GPU-hours are used up") as caught:
            limits.refuse_job(here.organisation.id)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 31 * 24 * 3600

    def test_storage_is_full(self, here: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config, "limit_storage_bytes", 100)
        make_dataset(here, files=[{"path": "a", "size": 90, "sha256": ""}])
        limits.refuse_bytes(here.organisation.id, 10)

        with pytest.raises(TooMany, match="90 of 100 bytes"):
            limits.refuse_bytes(here.organisation.id, 11)

    def test_an_upload_that_does_not_fit_leaves_nothing(
        self, here: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "limit_storage_bytes", 30)
        lines = b'{"text": "twenty-one letters ..."}\n' * 2

        with pytest.raises(TooMany, match="Storage is full: 0 of 30 bytes"):
            datasets.create(here, "d", "d.jsonl", io.BytesIO(lines))
        assert limits.stored(here.organisation.id) == 0

    def test_a_file_may_be_so_large(self, here: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(config, "upload_max_bytes", 10)
        file = SimpleUploadedFile("d.jsonl", b'{"text": "more than ten"}')

        with pytest.raises(TooLarge, match="25 bytes; 10 are allowed"):
            datasets.create(here, "d", "d.jsonl", file)

    def test_so_many_jobs_run_at_once(
        self, here: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "limit_running_jobs", 1)
        assert limits.may_start(here.organisation.id)
        new_job(here, state=JobState.RUNNING)

        assert not limits.may_start(here.organisation.id)


def test_months_turn() -> None:
    assert months.next_month(NOVEMBER.replace(month=12)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert months.month_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)).day == 1


def test_the_operator_sets_and_unsets(alice: Principal) -> None:
    mine = alice.organisation.id
    shown = operator.set_limits(mine, {"gpu_hours": 5.5, "open_jobs": 3})
    assert (shown["gpu_hours"], shown["open_jobs"]) == ((0.0, 5.5), (0, 3))
    assert shown["upload_bytes"] == (None, config.upload_max_bytes)
    shown = operator.set_limits(mine, {"open_jobs": operator.AS_SET})
    assert (shown["gpu_hours"][1], shown["open_jobs"][1]) == (5.5, config.limit_open_jobs)
    with pytest.raises(NotFound, match="There is no organisation"):
        operator.set_limits(UUID(nobodys.ID), {})


def test_of_many_at_once_one_is_let_in(
    committed_db: None, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "limit_open_jobs", 1)

    def submit(_: int) -> bool:
        try:
            with scope(alice.organisation.id, alice.user.id):
                limits.refuse_job(alice.organisation.id)
                new_job(alice)
        except TooMany:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(submit, range(24))) == 1


def test_the_api_tells_usage_and_limits(here: Principal, api: Api) -> None:
    metering.meter(ended(here, 30, NOVEMBER))
    client = api(here)
    month = client.get("/api/v1/usage?month=2026-11").json()
    assert (month["month"], month["total"]["seconds"], len(month["by_day"])) == ("2026-11", 30, 30)
    (entry,) = client.get("/api/v1/usage/attempts?month=2026-11").json()["items"]
    assert (entry["kind"], entry["attempt"], entry["seconds"]) == ("train", 1, 30)
    assert client.get("/api/v1/usage/export?month=2026-11").content.count(b"\n") == 2
    assert client.get("/api/v1/usage?month=2026-13").status_code == 422
    told = client.get("/api/v1/usage/limits").json()
    assert told["allowed"]["open_jobs"] == config.limit_open_jobs
    assert told["used"]["storage_bytes"] == 0


class TestThePage:
    def test_shows_the_month_and_the_limits(
        self, here: Principal, browser_of: Callable[[Principal], Client]
    ) -> None:
        metering.meter(ended(here, 5400, NOVEMBER + timedelta(days=4), gpus=1))
        page = browser_of(here).get("/usage/?month=2026-11").content.decode()

        assert "November 2026" in page
        assert "2026-11-05: 1 h 30 min of jobs, 1 attempts" in page
        assert "Jobs waiting or running" in page
        assert "/api/v1/usage/export?month=2026-11" in page

    @pytest.mark.parametrize("month", ["", "2026-13", "9999-12", "x", "0001-01"])
    def test_nonsense_is_this_month(
        self, here: Principal, browser_of: Callable[[Principal], Client], month: str
    ) -> None:
        page = browser_of(here).get(f"/usage/?month={month}")

        assert page.status_code == 200
        assert f"Nothing ran in {datetime.now(UTC):%B %Y}" in page.content.decode()
