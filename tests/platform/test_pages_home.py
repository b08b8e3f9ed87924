"""The front door: for visitors, for members, and for who belongs nowhere."""

from collections.abc import Callable

import pytest
from django.test import Client

from alloyworks.accounts import members, signup
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations
from alloyworks.jobs.models import JobState
from alloyworks.tenancy import scope
from alloyworks.web import dashboard, illustration
from tests.platform.attempts import new_job
from tests.platform.catalog_cast import make_dataset, make_job, make_model, score

BrowserOf = Callable[[Principal], Client]


def home(client: Client) -> str:
    answer = client.get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_visitor_learns_what_it_is_and_may_sign_up(db: None) -> None:
    page = home(Client())

    assert 'href="/accounts/signup/"' in page
    assert page.count("<rect") > 200  # the scan


def test_the_scan_on_the_front_page_trains_a_quarter_of_every_type() -> None:
    for line in illustration.scan():
        assert len(line.cells) == 30
        assert sum("hot" in cell.look for cell in line.cells) == 30 // 4


def test_who_belongs_nowhere_is_told_so(browser_of: BrowserOf, alice: Principal) -> None:
    person = signup.register_person("dan@nowhere.example", "a long one 12")
    browser = Client()
    browser.force_login(person)

    assert "You belong to no organisation" in home(browser)


def test_a_newcomer_is_shown_the_first_steps(browser_of: BrowserOf, alice: Principal) -> None:
    page = home(browser_of(alice))

    assert "First steps" in page
    assert 'href="/datasets/new/">Upload<' in page
    assert "Nothing has run yet" in page


def test_steps_are_ticked_off_by_what_is_there(alice: Principal) -> None:
    with scope(alice.organisation.id, alice.user.id):
        dataset = make_dataset(alice)
        model = make_model(alice, origin="train")
        before = [step.done for step in dashboard.steps_of(alice)]
        make_model(alice, model, origin="merge")
        evaluations.record(make_job(alice), [score()], {"m": model}, {"d": dataset})
        after = [step.done for step in dashboard.steps_of(alice)]

    assert (before, after) == ([True, True, False, False], [True] * 4)


def test_an_expert_is_not_shown_the_first_steps(browser_of: BrowserOf, alice: Principal) -> None:
    with scope(alice.organisation.id):
        dataset, model = make_dataset(alice), make_model(alice, origin="train")
        make_model(alice, model, origin="merge")
        evaluations.record(make_job(alice), [score()], {"m": model}, {"d": dataset})

    assert "First steps" not in home(browser_of(alice))


def test_viewers_are_offered_nothing_they_may_not_do(
    browser_of: BrowserOf, vera: Principal
) -> None:
    page = home(browser_of(vera))

    assert "/jobs/new/" not in page and "/datasets/new/" not in page


@pytest.mark.parametrize(
    ("state", "live"), [(JobState.RUNNING, "true"), (JobState.FAILED, "false")]
)
def test_recent_jobs_are_kept_up_to_date_while_one_runs(
    browser_of: BrowserOf, alice: Principal, state: JobState, live: str
) -> None:
    with scope(alice.organisation.id):
        progress = {"phase": "Training", "done": 3, "total": 9}
        new_job(alice, {"kind": "train"}, state=state, name="rivers", progress=progress)
    page = home(browser_of(alice))

    assert "rivers" in page
    assert f'data-live="{live}"' in page
    assert ('max="9" value="3"' in page) == (live == "true")


def test_only_ones_own_things_are_on_the_dashboard(
    browser_of: BrowserOf, alice: Principal, charlie: Principal
) -> None:
    with scope(charlie.organisation.id):
        make_dataset(charlie, name="globex-secrets")
        make_model(charlie, name="globex-model")
        make_job(charlie, name="globex-job")

    assert "globex" not in home(browser_of(alice))


def test_who_left_the_only_organisation_belongs_nowhere(
    browser_of: BrowserOf, alice: Principal, bob: Principal
) -> None:
    browser = browser_of(bob)
    browser.post(f"/accounts/members/{bob.user.id}/remove/")

    assert "You belong to no organisation" in home(browser)
    with scope(alice.organisation.id):
        assert members.members_of(alice).count() == 1
