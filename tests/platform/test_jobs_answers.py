"""What models answered in an evaluation: kept, counted, looked through, deleted."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.jobs import answers, leftovers, reading
from alloyworks.jobs.models import Attempt
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from alloyworks.usage import limits
from tests.platform.attempts import EVALUATE
from tests.platform.runner_calls import fresh, launched, runner_of, uploaded

BrowserOf = Callable[[Principal], Client]
TWO = EVALUATE | {
    "models": ["m", "other"],
    "test_sets": [{"dataset": "d", "metric": "exact_match"}],
}
SCORE = {"model": "m", "dataset": "d", "metric": "exact_match", "value": 0.5, "examples": 60}


@pytest.fixture(autouse=True)
def bucket(db: None) -> None:
    objects.ensure_bucket()


def line(number: int, right: bool) -> dict[str, Any]:
    asked = [{"role": "user", "content": f"Question {number} <b>?"}]
    said = "Au" if right else "gold it is"
    return {"prompt": asked, "expected": "Au", "answer": said, "correct": right}


def lines(right: Callable[[int], bool]) -> bytes:
    told = (json.dumps(line(n, right(n))) + "\n" for n in range(1, 61))
    return "".join(told).encode()


@pytest.fixture
def ended(alice: Principal) -> Attempt:
    """Of sixty questions, the first model knows all but every tenth, the other all but every fifth."""
    attempt = launched(alice, TWO)
    call = runner_of(attempt)
    call("assignment")
    files = [
        uploaded(call, "examples-0-0.jsonl", lines(lambda n: n % 10 != 0)),
        uploaded(call, "examples-1-0.jsonl", lines(lambda n: n % 5 != 0)),
    ]
    call("finish", {"result": {"kind": "evaluate", "scores": [SCORE]}, "files": files})
    return attempt


@pytest.fixture
def page(ended: Attempt, alice: Principal, browser_of: BrowserOf) -> Callable[[str], str]:
    browser = browser_of(alice)

    def shown(query: str = "") -> str:
        answer = browser.get(f"/jobs/{ended.job_id}/answers/examples/0/{query}")
        assert answer.status_code == 200
        return str(answer.content.decode())

    return shown


def numbers(html: str) -> list[int]:
    return [int(rest.partition('"')[0]) for rest in html.split('<li value="')[1:]]


def following(html: str) -> str:
    return html.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")


def test_they_are_kept_and_count_as_storage(ended: Attempt, alice: Principal) -> None:
    with scope(alice.organisation.id):
        job = reading.get(alice, ended.job_id)
        own = sum(file["size"] for file in job.files)
        assert limits.stored(alice.organisation.id) == own + len(b"{}\n")
        assert answers.files_of(job, "examples", 0) == {
            0: "examples-0-0.jsonl",
            1: "examples-1-0.jsonl",
        }
        assert answers.files_of(job, "examples", 1) == {}
    leftovers.tidy(ended.job_id, ended.organisation_id)
    prefix = keys.attempt_prefix(ended.organisation_id, ended.job_id, 1)
    assert objects.stat(f"{prefix}examples-0-0.jsonl") is not None


def test_they_are_looked_through_page_by_page(page: Callable[[str], str]) -> None:
    first = page("")
    second = page(following(first))
    third = page(following(second))

    assert numbers(first) == list(range(1, 26))
    assert numbers(second) == list(range(26, 51))
    assert numbers(third) == list(range(51, 61))
    assert following(third) == ""
    assert "Question 1 &lt;b&gt;?" in first
    assert (first.count(">✓<"), first.count(">✗<")) == (23 + 20, 2 + 5)


def test_only_those_that_matter_are_shown(page: Callable[[str], str]) -> None:
    assert numbers(page("?show=wrong")) == list(range(5, 61, 5))
    assert numbers(page("?show=differ")) == list(range(5, 61, 10))


def test_a_place_that_is_none_is_the_first_or_not_there(
    page: Callable[[str], str], ended: Attempt, client: Client
) -> None:
    assert numbers(page("?at=x"))[0] == numbers(page("?at=0-0-0"))[0] == 1
    assert numbers(page("?at=60-999999-999999")) == []
    for nowhere in (
        "examples/0/?at=3-7-7",
        "examples/0/?at=3-0",
        "examples/1/",
        "tasks/0/",
        "x/0/",
    ):
        assert client.get(f"/jobs/{ended.job_id}/answers/{nowhere}").status_code == 404


def test_the_jobs_page_leads_there(ended: Attempt, alice: Principal, browser_of: BrowserOf) -> None:
    html = browser_of(alice).get(f"/jobs/{ended.job_id}/").content.decode()

    assert f"/jobs/{ended.job_id}/answers/examples/0/" in html


def test_a_file_of_them_is_downloaded(ended: Attempt, alice: Principal, api: Any) -> None:
    [first, _] = api(alice).get(f"/api/v1/jobs/{ended.job_id}/answers").json()

    assert first["path"] == "examples-0-0.jsonl"
    assert json.loads(httpx.get(first["url"]).text.splitlines()[0]) == line(1, True)


def test_they_are_deleted_and_the_scores_stay(
    ended: Attempt, alice: Principal, browser_of: BrowserOf
) -> None:
    browser = browser_of(alice)
    told = browser.post(f"/jobs/{ended.job_id}/forget/", follow=True).content.decode()

    assert "The answers are deleted" in told
    assert f"/jobs/{ended.job_id}/answers/examples/0/" not in told
    assert browser.get(f"/jobs/{ended.job_id}/answers/examples/0/").status_code == 404
    assert fresh(ended).result is not None
    assert [job for job, _ in leftovers.jobs_to_tidy()] == [ended.job_id]
    leftovers.tidy_all()
    prefix = keys.attempt_prefix(ended.organisation_id, ended.job_id, 1)
    assert objects.stat(f"{prefix}examples-0-0.jsonl") is None


def test_nobody_else_finds_them(
    ended: Attempt, charlie: Principal, browser_of: BrowserOf, api: Any
) -> None:
    browser = browser_of(charlie)
    assert browser.get(f"/jobs/{ended.job_id}/answers/examples/0/").status_code == 404
    file = f"/jobs/{ended.job_id}/answers/files/examples-0-0.jsonl"
    assert browser.get(file).status_code == 404
    assert api(charlie).delete(f"/api/v1/jobs/{ended.job_id}/answers").status_code == 404
    assert fresh(ended).files


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x" * 3 * 1024**2, "too long to be shown"),
        (b"[" * 200_000 + b"\n", "No answer begins there"),
    ],
    ids=["one endless line", "nested without end"],
)
def test_what_no_engine_of_ours_writes_harms_nobody(
    alice: Principal, browser_of: BrowserOf, content: bytes, told: str
) -> None:
    attempt = launched(alice, TWO)
    call = runner_of(attempt)
    call("assignment")
    files = [uploaded(call, "examples-0-0.jsonl", content)]
    call("finish", {"result": {"kind": "evaluate", "scores": [SCORE]}, "files": files})
    answer = browser_of(alice).get(f"/jobs/{attempt.job_id}/answers/examples/0/")

    assert answer.status_code == 404
    assert told in answer.content.decode()
