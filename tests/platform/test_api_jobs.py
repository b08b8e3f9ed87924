"""Jobs over the API: submitted, listed, shown, steered; who may, and what is told of them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alloyworks.accounts.principal import Principal
from alloyworks.api.app import api as described_api
from alloyworks.jobs.models import Event, Job, JobInput, JobState, Metric
from tests.platform.attempts import running
from tests.platform.catalog_cast import make_model
from tests.platform.test_api_core import assert_problem
from tests.platform.world import World

Api = Callable[[Principal], Client]
JOBS = "/api/v1/jobs"
JSON = "application/json"


@pytest.fixture
def client(api: Api, world: World) -> Client:
    return api(world.owner)


def submit(client: Client, spec: Any, **headers: str) -> Any:
    return client.post(JOBS, spec, JSON, headers=headers)


class TestSubmission:
    def test_a_job_is_answered_as_it_is_shown(self, client: Client, world: World) -> None:
        made = submit(client, world.train())

        assert made.status_code == 201
        job = made.json()
        assert job == client.get(f"{JOBS}/{job['id']}").json()
        assert job["spec"]["model"] == str(world.base.id)
        assert {name: job[name] for name in ("kind", "state", "created_by", "progress")} == {
            "kind": "train",
            "state": "queued",
            "created_by": "alice@acme.example",
            "progress": None,
        }

    def test_faults_are_told_with_place_and_remedy(self, client: Client, world: World) -> None:
        body = assert_problem(submit(client, world.train(epochs=-1, sed=1)), 422)

        assert body["detail"] == "2 things in the job spec are wrong."
        assert body["errors"] == [
            {"loc": ["epochs"], "msg": "-1 is too small.", "remedy": "Use more than 0."},
            {
                "loc": ["sed"],
                "msg": "There is no field 'sed' here.",
                "remedy": "Did you mean 'seed'?",
            },
        ]

    def test_a_check_says_the_same_and_stores_nothing(self, client: Client, world: World) -> None:
        wrong = world.train(dataset=str(uuid4()))

        checked = client.post(f"{JOBS}/check", wrong, JSON)

        assert checked.json() == submit(client, wrong).json()
        assert client.post(f"{JOBS}/check", world.train(), JSON).status_code == 204
        with world.scope():
            assert (Job.objects.count(), JobInput.objects.count()) == (0, 0)

    def test_the_same_request_makes_one_job(self, client: Client, world: World) -> None:
        key = {"Idempotency-Key": "1"}

        first, again = (submit(client, world.train(), **key) for _ in range(2))

        assert first.json() == again.json()
        with world.scope():
            assert Job.objects.count() == 1

    def test_a_corrected_request_may_use_the_same_key(self, client: Client, world: World) -> None:
        key = {"Idempotency-Key": "1"}

        assert submit(client, world.train(epochs=0), **key).status_code == 422
        assert submit(client, world.train(), **key).status_code == 201

    @pytest.mark.parametrize("body", ["", "null", "[]", "7", '"train"', "{"])
    def test_a_body_that_is_no_spec_is_refused(self, client: Client, body: str) -> None:
        assert client.post(JOBS, body, JSON).status_code in (400, 422)


class TestLists:
    def test_jobs_are_listed_newest_first_page_by_page(self, client: Client, world: World) -> None:
        with world.scope():
            made = [str(world.job().id) for _ in range(5)]

        assert followed(client, "limit=2") == made[::-1]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("state=failed", [1, 3]),
            ("kind=merge", [2, 3]),
            ("state=failed&kind=merge", [3]),
            ("state=running", []),
            ("kind=nothing", []),
        ],
    )
    def test_filters_hold_on_every_page(
        self, client: Client, world: World, query: str, expected: list[int]
    ) -> None:
        with world.scope():
            kinds = ["train", "train", "merge", "merge"]
            states = [JobState.QUEUED, JobState.FAILED] * 2
            made = [str(world.job(*pair).id) for pair in zip(kinds, states, strict=True)]

        assert followed(client, f"limit=1&{query}") == [made[i] for i in expected[::-1]]

    def test_an_item_is_short(self, client: Client, world: World) -> None:
        with world.scope():
            world.job()

        item = client.get(JOBS).json()["items"][0]

        assert not {"spec", "result", "reports"} & set(item)

    @pytest.mark.parametrize("query", ["state=done", "cursor=x", f"kind={'x' * 25}", "limit=0"])
    def test_a_wrong_parameter_is_named(self, client: Client, query: str) -> None:
        body = assert_problem(client.get(f"{JOBS}?{query}"), 422)

        assert body["errors"][0]["loc"] == [query.partition("=")[0]]

    def test_a_longer_page_asks_the_database_no_more(self, client: Client, world: World) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as asked:
                client.get(JOBS)
            return len(asked)

        with world.scope():
            world.job()
        client.get(JOBS)  # notes that the key is used
        few = queries()
        with world.scope():
            make_model(world.owner, job=world.job(state=JobState.SUCCEEDED))
            world.job()

        assert queries() == few

    def test_other_organisations_jobs_are_not_listed(
        self, client: Client, charlie: Principal
    ) -> None:
        theirs = World(charlie)
        with theirs.scope():
            theirs.job()

        assert client.get(JOBS).json() == {"items": [], "next": None}


class TestOneJob:
    def test_the_model_that_it_made(self, client: Client, world: World) -> None:
        with world.scope():
            job = world.job(state=JobState.SUCCEEDED)
            model = make_model(world.owner, job=job)

        assert client.get(f"{JOBS}/{job.id}").json()["model_id"] == str(model.id)
        assert client.get(JOBS).json()["items"][0]["model_id"] == str(model.id)

    def test_a_spec_that_would_be_refused_today_is_shown(
        self, client: Client, world: World
    ) -> None:
        with world.scope():
            job = world.job()
            Job.objects.filter(id=job.id).update(spec={"kind": "train", "old": True})

        assert client.get(f"{JOBS}/{job.id}").json()["spec"] == {"kind": "train", "old": True}

    def test_it_is_cancelled_and_tried_again(self, client: Client, world: World) -> None:
        url = f"{JOBS}/{submit(client, world.train()).json()['id']}"

        assert client.post(f"{url}/cancel").json()["state"] == "cancelled"
        assert client.post(f"{url}/cancel").status_code == 409
        assert client.post(f"{url}/retry").json()["state"] == "queued"
        assert client.post(f"{url}/retry").status_code == 409

    def test_it_is_cloned(self, client: Client, world: World) -> None:
        first = submit(client, world.train()).json()

        clone = client.post(f"{JOBS}/{first['id']}/clone")

        assert clone.status_code == 201
        assert clone.json()["spec"] == first["spec"]
        assert clone.json()["id"] != first["id"]

    def test_its_attempts(self, client: Client, world: World) -> None:
        with world.scope():
            attempt = running(world.owner)

        page = client.get(f"{JOBS}/{attempt.job_id}/attempts").json()

        assert [(a["number"], a["state"]) for a in page["items"]] == [(1, "running")]
        assert "secret_hash" not in page["items"][0]

    def test_its_events_oldest_first(self, client: Client, world: World) -> None:
        with world.scope():
            job = world.job()
            for number in range(5):
                told(job, "log", level="info", message=f"line {number}")
        url, seen, after = f"{JOBS}/{job.id}/events", [], 0

        while after is not None:
            page = client.get(f"{url}?limit=2&after={after}").json()
            seen += [event["message"] for event in page["items"]]
            after = page["next"]

        assert seen == [f"line {number}" for number in range(5)]

    def test_an_event_says_its_level_or_its_state(self, client: Client, world: World) -> None:
        with world.scope():
            job = world.job()
            told(job, "log", level="warning", message="hot")
            told(job, "state", state="running", message="runs")

        items = client.get(f"{JOBS}/{job.id}/events").json()["items"]

        assert [(e["type"], e["level"], e["state"], e["message"]) for e in items] == [
            ("log", "warning", None, "hot"),
            ("state", None, "running", "runs"),
        ]

    def test_its_curves(self, client: Client, world: World) -> None:
        with world.scope():
            job = world.job()
            measured(job, "loss", [2.5, 1.5])
            measured(job, "rate", [0.1])

        assert client.get(f"{JOBS}/{job.id}/metrics").json() == {
            "loss": [[0, 2.5], [1, 1.5]],
            "rate": [[0, 0.1]],
        }

    def test_a_long_curve_is_thinned_out_and_keeps_its_end(
        self, client: Client, world: World
    ) -> None:
        with world.scope():
            job = world.job()
            measured(job, "loss", [0.5] * 100)
            measured(job, "rate", [0.5] * 9)

        curves = client.get(f"{JOBS}/{job.id}/metrics?points=9").json()

        assert [step for step, _ in curves["loss"]] == [3, 15, 27, 39, 51, 63, 75, 87, 99]
        assert len(curves["rate"]) == 9

    def test_its_reports(self, client: Client, world: World) -> None:
        snr = {"layers": [1, 2]}
        with world.scope():
            job = world.job(reports={"snr": snr})
        url = f"{JOBS}/{job.id}"

        assert client.get(url).json()["reports"] == ["snr"]
        assert client.get(f"{url}/reports/snr").json() == snr
        assert "snr" in assert_problem(client.get(f"{url}/reports/loss"), 404)["detail"]


def operations() -> list[tuple[str, str]]:
    """Every operation on one job, by the API's own description."""
    paths = described_api.get_openapi_schema()["paths"]
    return [
        (method, path.replace("{name}", "snr"))
        for path, methods in paths.items()
        for method in methods
        if path.startswith(f"{JOBS}/{{job_id}}")
    ]


@pytest.mark.parametrize(("method", "path"), operations())
class TestEveryOperationOnAJob:
    def test_another_organisations_job_is_not_found_like_no_job(
        self, client: Client, charlie: Principal, method: str, path: str
    ) -> None:
        theirs = World(charlie)
        with theirs.scope():
            job = theirs.job(reports={"snr": {}})
        foreign, nobodys = job.id, uuid4()

        answers = [
            assert_problem(client.generic(method, path.format(job_id=job_id)), 404)["detail"]
            for job_id in (foreign, nobodys)
        ]

        assert answers == [f"There is no job {job_id}." for job_id in (foreign, nobodys)]

    def test_an_id_that_is_none_is_refused(self, client: Client, method: str, path: str) -> None:
        assert_problem(client.generic(method, path.format(job_id="42")), 422)


def test_there_are_operations_on_a_job() -> None:
    assert len(operations()) >= 9


@pytest.mark.parametrize("path", ["", "/check", "/{job}/cancel", "/{job}/retry", "/{job}/clone"])
def test_a_viewer_changes_nothing(api: Api, world: World, vera: Principal, path: str) -> None:
    with world.scope():
        job = world.job()

    answer = api(vera).post(JOBS + path.format(job=job.id), world.train(), JSON)

    assert_problem(answer, 403)
    with world.scope():
        assert Job.objects.get().state == "queued"


def test_a_viewer_may_look(api: Api, world: World, vera: Principal) -> None:
    with world.scope():
        job = world.job()

    for path in ("", f"/{job.id}", f"/{job.id}/events", f"/{job.id}/metrics"):
        assert api(vera).get(JOBS + path).status_code == 200


def test_the_description_says_what_a_spec_is(client: Client) -> None:
    described = client.get("/api/v1/openapi.json").json()

    body = described["paths"][JOBS]["post"]["requestBody"]["content"][JSON]["schema"]
    kinds = {"train", "merge", "evolve", "moe", "evaluate"}
    assert set(body["discriminator"]["mapping"]) == kinds
    assert "learning_rate" in described["components"]["schemas"]["TrainSpec"]["properties"]


def followed(client: Client, query: str) -> list[str]:
    """The ids of all pages."""
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{JOBS}?{query}{cursor and f'&cursor={cursor}'}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    return seen


def told(job: Job, kind: str, **data: str) -> None:
    Event.objects.create(
        organisation_id=job.organisation_id,
        job=job,
        attempt_number=1,
        at=timezone.now(),
        type=kind,
        data=data,
    )


def measured(job: Job, name: str, values: list[float]) -> None:
    Metric.objects.bulk_create(
        Metric(organisation_id=job.organisation_id, job=job, name=name, step=step, value=value)
        for step, value in enumerate(values)
    )
