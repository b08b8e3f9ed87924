"""A job's page while the job waits, and when it did not go well."""

from django.test import Client
from django.utils import timezone

from alloyengine.spec.protocol import Failure
from alloyworks.jobs import lifecycle, submission
from tests.platform.attempts import now
from tests.platform.test_pages_jobs import page_of, submitted
from tests.platform.world import World


def test_a_queued_job_says_its_place_and_its_time_limit(world: World, browser: Client) -> None:
    submitted(world)

    page = page_of(browser, submitted(world))

    assert "number 2 in the queue" in page
    assert "1 job is before this one" in page
    assert "72 hours" in page


def test_a_waiting_job_links_to_what_it_waits_for(world: World, browser: Client) -> None:
    source = submitted(world)
    with world.scope():
        spec = world.train(model=f"job:{source.id}")
        job = submission.submit(world.owner, spec)

    page = page_of(browser, job)

    assert "It needs the model of" in page
    assert f'href="/jobs/{source.id}/"' in page


def test_an_ending_says_whose_fault_it_is_and_shows_the_last_lines(
    world: World, browser: Client
) -> None:
    job = submitted(world)
    with world.scope():
        attempt = lifecycle.open_attempt(now(job))
        for number in range(7):
            job.events.create(
                organisation=world.owner.organisation,
                attempt_number=1,
                at=timezone.now(),
                type="log",
                data={"level": "info", "message": f"step {number} <done>"},
            )
        failure = Failure(code="out_of_memory", fault="capacity", message="9 GiB too few.")
        lifecycle.fail(attempt, failure)

    page = page_of(browser, job)

    assert "Memory ran out." in page
    assert "Too little capacity" in page
    assert "9 GiB too few." in page
    assert "Use a smaller batch" in page
    shown = page[page.index("The last lines of attempt 1") :]
    assert "step 6 &lt;done&gt;" in shown[: shown.index("</pre>")]
    assert "step 1 " not in shown[: shown.index("</pre>")]
