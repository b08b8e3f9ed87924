"""The list of jobs, a job's page and its buttons, as they come from the server."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.jobs import lifecycle, submission
from alloyworks.jobs.models import Event, Job, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now
from tests.platform.conftest import joined
from tests.platform.world import SMALL, World

BrowserOf = Callable[[Principal], Client]
SCORES = {"metric": "exact_match", "examples": 50, "stderr": 0.05}


def submitted(world: World, **changes: Any) -> Job:
    with world.scope():
        return submission.submit(world.owner, world.train(**changes))


def html(client: Client, path: str, status: int = 200) -> str:
    page = client.get(path)
    assert page.status_code == status
    return page.content.decode()


def page_of(client: Client, job: Job) -> str:
    return html(client, f"/jobs/{job.id}/")


class TestList:
    def test_an_organisation_without_jobs_is_told_what_to_do(self, browser: Client) -> None:
        page = html(browser, "/jobs/")

        assert "No jobs yet" in page
        assert 'href="/jobs/new/train/"' in page

    def test_jobs_are_listed_with_state_and_progress(self, world: World, browser: Client) -> None:
        with world.scope():
            world.job(
                state=JobState.RUNNING,
                started_at=timezone.now() - timedelta(minutes=3),
                progress={"phase": "Training", "done": 30, "total": 120, "seconds_left": 60},
            )

        page = html(browser, "/jobs/")

        assert 'data-state="running"' in page
        assert re.search(r'<progress [^>]*max="120" value="30"', page)
        assert "3 min 00 s" in page
        assert 'data-live="true"' in page

    def test_a_list_of_finished_jobs_is_not_polled(self, world: World, browser: Client) -> None:
        with world.scope():
            world.job(state=JobState.SUCCEEDED)

        assert 'data-live="false"' in html(browser, "/jobs/")

    def test_filters_narrow_the_list(self, world: World, browser: Client) -> None:
        with world.scope():
            world.job("train", JobState.SUCCEEDED)
            world.job("merge", JobState.FAILED)

        assert "merge job" not in html(browser, "/jobs/?kind=train")
        assert "train job" not in html(browser, "/jobs/?state=failed")
        assert "No job matches" in html(browser, "/jobs/?state=failed&kind=train")

    def test_an_unknown_filter_or_cursor_is_as_good_as_none(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            world.job("train")

        assert "train job" in html(browser, "/jobs/?state=nonsense&kind=x&cursor=y")

    def test_older_jobs_are_a_page_further(self, world: World, browser: Client) -> None:
        with world.scope():
            for number in range(26):
                new_job(world.owner, world.train(), name=f"number {number}")

        first = html(browser, "/jobs/")
        link = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
        second = html(browser, f"/jobs/{link}")

        assert "number 25" in first and "number 0<" not in first
        assert "number 0<" in second and "number 25" not in second

    def test_other_organisations_jobs_are_not_listed(
        self, world: World, charlie: Principal, browser_of: BrowserOf
    ) -> None:
        submitted(world)

        assert "specialist" not in html(browser_of(charlie), "/jobs/")


class TestPage:
    def test_a_queued_job_says_what_it_waits_for(self, world: World, browser: Client) -> None:
        page = page_of(browser, submitted(world))

        assert "specialist" in page
        assert "Waiting for a free place" in page
        assert 'data-finished="false"' in page
        assert f'href="/models/{world.base.id}/"' in page
        assert f'href="/datasets/{world.chats.id}/"' in page

    def test_the_spec_is_there_in_both_formats(self, world: World, browser: Client) -> None:
        page = page_of(browser, submitted(world, epochs=7))

        assert "epochs: 7.0" in page
        assert "&quot;epochs&quot;: 7.0" in page

    def test_a_running_job_shows_where_it_is(self, world: World, browser: Client) -> None:
        job = submitted(world)
        with world.scope():
            lifecycle.begin(lifecycle.open_attempt(now(job)))
            progress = {"phase": "Training", "done": 1500, "total": 6000, "seconds_left": 90}
            Job.objects.filter(id=job.id).update(progress=progress)

        page = page_of(browser, job)

        assert "1,500 of 6,000" in page
        assert "about 2 min left" in page
        assert "Attempt 1 runs." in page

    def test_a_failed_attempt_says_why_and_what_to_do(self, world: World, browser: Client) -> None:
        failure = {
            "code": "x", "fault": "user", "message": "The loss became nan.",
            "remedy": "Lower the rate.",
        }  # fmt: skip
        with world.scope():
            job = world.job(state=JobState.FAILED, failure=failure, attempt_number=1)
            job.attempts.create(
                organisation=world.owner.organisation,
                number=1,
                state="failed",
                failure=failure,
                secret_hash="s",
            )

        page = page_of(browser, job)

        assert page.count("The loss became nan.") == 2
        assert "Lower the rate." in page
        assert f"/jobs/{job.id}/retry/" in page

    def test_a_trained_model_is_shown_with_its_figures(self, world: World, browser: Client) -> None:
        result = {
            "kind": "train", "facts": SMALL, "steps": 60, "tokens": 12_345,
            "trained_parameters": 24_800_000, "final_loss": 0.01234567,
        }  # fmt: skip
        with world.scope():
            job = world.job(state=JobState.SUCCEEDED, result=result)
            model = versions.register(job, "train", "p/", [], SMALL, [world.base])

        page = page_of(browser, job)

        assert f'href="/models/{model.id}/"' in page
        assert "0.01235" in page and "24.8M" in page
        assert 'data-finished="true"' in page

    def test_a_deleted_model_is_told(self, world: World, browser: Client) -> None:
        with world.scope():
            job = world.job("merge", JobState.SUCCEEDED, result={"kind": "merge", "facts": SMALL})

        assert "was deleted" in page_of(browser, job)

    def test_scores_are_a_table_with_the_best_marked(self, world: World, browser: Client) -> None:
        spec = world.evaluate(str(world.base.id), str(world.tuned.id))
        with world.scope():
            job = submission.submit(world.owner, spec)
            values = ((world.base, 0.02), (world.tuned, 0.98))
            job.result = {
                "kind": "evaluate",
                "scores": [
                    SCORES | {"model": str(m.id), "dataset": str(world.chats.id), "value": value}
                    for m, value in values
                ],
            }
            Job.objects.filter(id=job.id).update(result=job.result)

        page = page_of(browser, job)

        best = page.index("best-mark")
        assert page.index("2.0%") < page.index("98.0%") < best
        assert page.count("best-mark") == 1
        assert f"/compare/?models={world.base.id}&amp;models={world.tuned.id}" in page

    def test_the_newest_log_lines_are_there(self, world: World, browser: Client) -> None:
        job = submitted(world)
        log(job, *(f"line {number}" for number in range(600)))

        page = page_of(browser, job)

        assert "line 599" in page and "line 99<" not in page

    def test_lines_say_names_instead_of_ids(self, world: World, browser: Client) -> None:
        job = submitted(world)
        log(job, f"{world.base.id} on {world.chats.id}: exact_match 0.5")

        assert "base v1 on elements: exact_match 0.5" in page_of(browser, job)
        assert b"base v1 on elements" in browser.get(f"/jobs/{job.id}/log/").content

    def test_a_merge_is_told_base_first_then_models(self, world: World, browser: Client) -> None:
        base, tuned = str(world.base.id), str(world.tuned.id)
        spec = world.merge("slerp", tuned, base_model=base, parameters={"t": 0.5})
        with world.scope():
            job = submission.submit(world.owner, spec)

        about = page_of(browser, job).split('id="job-about"')[1].split("</section>")[0]

        told = re.findall(r"<dt>(\w+)</dt><dd><a[^>]*>([^<]+)", about)
        assert told == [("Base", "base v1"), ("Model", "tuned v1")]

    def test_a_line_of_the_log_can_not_bring_markup(self, world: World, browser: Client) -> None:
        job = submitted(world)
        log(job, "<script>alert(1)</script>")

        assert "<script>alert" not in page_of(browser, job)

    def test_the_whole_log_is_a_file(self, world: World, browser: Client) -> None:
        job = submitted(world)
        log(job, *(f"line {number}" for number in range(600)))

        answer = browser.get(f"/jobs/{job.id}/log/")

        assert answer["Content-Disposition"] == f'attachment; filename="job-{job.id}.log"'
        lines = answer.content.decode().splitlines()
        assert len(lines) == 601  # with the submission
        assert "line 0" in lines[1]

    @pytest.mark.parametrize("path", ["", "log/"])
    def test_another_organisations_job_is_not_there(
        self, world: World, charlie: Principal, browser_of: BrowserOf, path: str
    ) -> None:
        html(browser_of(charlie), f"/jobs/{submitted(world).id}/{path}", status=404)

    def test_a_visitor_signs_in_first(self, world: World, client: Client) -> None:
        answer = client.get(f"/jobs/{submitted(world).id}/")

        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=")


def log(job: Job, *messages: str) -> None:
    with scope(job.organisation_id):
        Event.objects.bulk_create(
            Event(
                organisation_id=job.organisation_id,
                job=job,
                attempt_number=1,
                seq=number,
                at=timezone.now(),
                type="log",
                data={"level": "info", "message": message},
            )
            for number, message in enumerate(messages)
        )


class TestButtons:
    def test_cancel_ends_a_queued_job(self, world: World, browser: Client) -> None:
        job = submitted(world)

        answer = browser.post(f"/jobs/{job.id}/cancel/")

        assert answer["Location"] == f"/jobs/{job.id}/"
        with world.scope():
            assert now(job).state == JobState.CANCELLED

    def test_retry_puts_it_back_into_the_queue(self, world: World, browser: Client) -> None:
        job = submitted(world)
        browser.post(f"/jobs/{job.id}/cancel/")

        browser.post(f"/jobs/{job.id}/retry/")

        with world.scope():
            assert now(job).state == JobState.QUEUED

    def test_run_again_makes_another_job_of_the_same_spec(
        self, world: World, browser: Client
    ) -> None:
        job = submitted(world, epochs=2)

        answer = browser.post(f"/jobs/{job.id}/clone/")

        with world.scope():
            newest = Job.objects.order_by("-id").first()
        assert newest.id != job.id and newest.spec == job.spec
        assert answer["Location"] == f"/jobs/{newest.id}/"

    @pytest.mark.parametrize("order", ["cancel", "retry"])
    def test_what_the_state_does_not_allow_is_said_on_the_page(
        self, world: World, browser: Client, order: str
    ) -> None:
        with world.scope():
            job = world.job(state=JobState.SUCCEEDED)

        answer = browser.post(f"/jobs/{job.id}/{order}/", follow=True)

        assert "The job is succeeded; only" in answer.content.decode()

    @pytest.mark.parametrize(
        ("state", "shown"),
        [
            (JobState.QUEUED, {"cancel", "clone"}),
            (JobState.RUNNING, {"cancel", "clone"}),
            (JobState.SUCCEEDED, {"clone"}),
            (JobState.FAILED, {"retry", "clone"}),
            (JobState.CANCELLED, {"retry", "clone"}),
        ],
    )
    def test_buttons_are_those_that_the_state_allows(
        self, world: World, browser: Client, state: JobState, shown: set[str]
    ) -> None:
        with world.scope():
            job = world.job(state=state)

        page = page_of(browser, job)

        assert {o for o in ("cancel", "retry", "clone") if f"/jobs/{job.id}/{o}/" in page} == shown

    def test_a_job_that_was_told_to_stop_is_not_told_twice(
        self, world: World, browser: Client
    ) -> None:
        with world.scope():
            job = world.job(state=JobState.RUNNING, cancel_requested_at=timezone.now())

        page = page_of(browser, job)

        assert "Stopping" in page
        assert f"/jobs/{job.id}/cancel/" not in page

    @pytest.mark.parametrize("order", ["cancel", "retry", "clone"])
    def test_viewers_have_no_buttons_and_are_refused(
        self, world: World, browser_of: BrowserOf, order: str
    ) -> None:
        job = submitted(world)
        viewer = browser_of(joined(world.owner, "v@acme.example", Role.VIEWER))

        assert "<form" not in page_of(viewer, job).split('id="content"')[1]
        assert viewer.post(f"/jobs/{job.id}/{order}/").status_code == 403
        with world.scope():
            assert Job.objects.get().state == JobState.QUEUED

    @pytest.mark.parametrize("order", ["cancel", "retry", "clone"])
    def test_another_organisations_job_can_not_be_ordered_about(
        self, world: World, charlie: Principal, browser_of: BrowserOf, order: str
    ) -> None:
        job = submitted(world)

        assert browser_of(charlie).post(f"/jobs/{job.id}/{order}/").status_code == 404

    @pytest.mark.parametrize("order", ["cancel", "retry", "clone"])
    def test_a_link_is_no_order(self, world: World, browser: Client, order: str) -> None:
        assert browser.get(f"/jobs/{submitted(world).id}/{order}/").status_code == 405
