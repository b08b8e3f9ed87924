"""Mixtures of agents in evaluations: what is accepted, whose scores are kept, and what the form sends."""

from typing import Any

import pytest
from django.test import Client

from alloyengine.spec.result import Cost, EvaluateResult, Score
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Evaluation
from alloyworks.jobs import submission
from alloyworks.jobs.models import Job, JobInput, JobState
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform import nobodys
from tests.platform.attempts import EVALUATE, now
from tests.platform.job_forms import evaluate_fields, made, refused, shown
from tests.platform.runner_calls import launched, runner_of
from tests.platform.test_pages_compare import rows_of
from tests.platform.world import World

Mixed = dict[str, Any]


def mixture(world: World, **changes: Any) -> Mixed:
    base, tuned = str(world.base.id), str(world.tuned.id)
    return {"name": "both", "layers": [[base, tuned]], "aggregator": tuned} | changes


def fields_of(world: World, **changes: Any) -> dict[str, Any]:
    base, tuned = str(world.base.id), str(world.tuned.id)
    mixed = {"name": "both", "agents": [base, tuned], "rounds": "2", "aggregator": base} | changes
    return evaluate_fields(world, **{f"mixtures.0.{name}": value for name, value in mixed.items()})


def test_its_models_may_be_those_that_are_asked_alone(world: World) -> None:
    assert (
        world.faults(world.evaluate(mixtures=[mixture(world), mixture(world, name="again")])) == {}
    )


@pytest.mark.parametrize("place", [("layers", 0, 0), ("aggregator",)])
def test_models_of_others_are_not_there(world: World, place: Any) -> None:
    strange = nobodys.ID
    changes = {"layers": [[strange]]} if place[0] == "layers" else {"aggregator": strange}
    found = world.faults(world.evaluate(mixtures=[mixture(world, **changes)]))
    assert list(found) == [("mixtures", 0, *place)]


def test_scores_are_those_of_models_that_were_asked(alice: Principal) -> None:
    """A mixture has no scores in the catalogue, and an agent is not scored by a runner's word."""
    objects.ensure_bucket()
    spec = EVALUATE | {"mixtures": [{"name": "both", "layers": [["m"]], "aggregator": "agent"}]}
    attempt = launched(alice, spec)
    with scope(alice.organisation.id):
        agent = JobInput.objects.get(job=attempt.job, reference="m").model_version
        JobInput.objects.create(
            organisation=alice.organisation,
            job=attempt.job,
            reference="agent",
            model_version=agent,
        )
    call = runner_of(attempt)
    call("assignment")
    about = {"dataset": "d", "metric": "exact_match", "value": 0.5, "examples": 2}
    scores = [about | {"model": name} for name in ("m", "both", "agent")]
    call("finish", {"result": {"kind": "evaluate", "scores": scores}, "files": []})
    with scope(alice.organisation.id):
        assert now(attempt.job).state == JobState.SUCCEEDED
        assert Evaluation.objects.count() == 1
        assert len(now(attempt.job).result["scores"]) == 3


@pytest.fixture
def ended(world: World) -> Job:
    """The mixture is best, and takes most."""
    base, chats = str(world.base.id), str(world.chats.id)
    about = {"dataset": chats, "metric": "exact_match", "stderr": 0.05, "examples": 40}
    cost = Cost(seconds=4, memory=270_000_000, read=4000, written=400)
    most = Cost(seconds=52, memory=540_000_000, read=20_000, written=1200)
    scores = [
        Score(model=base, value=0.5, cost=cost, **about),
        Score(model="both <b>", value=0.75, cost=most, **about),
    ]
    with world.scope():
        result = EvaluateResult(scores=scores).model_dump(mode="json")
        job = world.job("evaluate", JobState.SUCCEEDED, result=result)
        job.spec = world.evaluate(base, mixtures=[mixture(world, name="both <b>")])
        job.save()
        things: dict[str, Any] = {
            base: {"model_version": world.base},
            chats: {"dataset": world.chats},
        }
        for name, thing in things.items():
            JobInput.objects.create(organisation=job.organisation, job=job, reference=name, **thing)
    return job


def test_a_mixture_stands_beside_the_models_with_what_it_took(ended: Job, browser: Client) -> None:
    page = browser.get(f"/jobs/{ended.id}/").content.decode()
    scores, _, costs = page.partition("What an example took")
    assert "75.0%" in rows_of(scores)["both"]
    ours, theirs = rows_of(costs)["both"], rows_of(costs)["base"]
    assert "1.30 s" in ours and "530" in ours and "0.54 GB" in ours
    assert "100 ms" in theirs and "110" in theirs and "0.27 GB" in theirs


def test_the_form_makes_it_and_opens_with_it_again(world: World, browser: Client) -> None:
    base, tuned = str(world.base.id), str(world.tuned.id)
    with world.scope():
        job = made(browser, "evaluate", fields_of(world))
        assert job.spec["mixtures"] == [
            {"name": "both", "layers": [[base, tuned]] * 2, "aggregator": base}
        ]
    page = browser.get(f"/jobs/new/evaluate/?from={job.id}").content.decode()
    ticked = [f'name="mixtures.0.agents" value="{model}" checked' for model in (base, tuned)]
    assert all(box in page for box in ticked)
    values = shown(browser, f"/jobs/new/evaluate/?from={job.id}")
    kept = ("mixtures.0.name", "mixtures.0.rounds", "mixtures.0.aggregator")
    assert [values[name] for name in kept] == ["both", "2", base]


def test_layers_that_differ_are_kept(world: World, browser: Client) -> None:
    base, tuned = str(world.base.id), str(world.tuned.id)
    layers = [[base, tuned], [tuned]]
    with world.scope():
        spec = world.evaluate(mixtures=[mixture(world, layers=layers)])
        source = submission.submit(world.owner, spec)
        job = made(browser, "evaluate", shown(browser, f"/jobs/new/evaluate/?from={source.id}"))
        assert job.spec["mixtures"] == source.spec["mixtures"]


def test_mixtures_are_added_and_removed_and_an_empty_one_is_none(
    world: World, browser: Client
) -> None:
    fields = evaluate_fields(world)
    page = browser.post("/jobs/new/evaluate/", fields | {"do": "add.mixtures"}).content.decode()
    assert 'name="mixtures.0.name"' in page
    gone = fields_of(world) | {"do": "remove.mixtures.0"}
    assert (
        'name="mixtures.0.name"' not in browser.post("/jobs/new/evaluate/", gone).content.decode()
    )
    with world.scope():
        empty = fields_of(world, name="", agents=[], aggregator="")
        assert made(browser, "evaluate", empty).spec["mixtures"] == []


def test_what_is_wrong_stands_beside_it(world: World, browser: Client) -> None:
    with world.scope():
        found = refused(browser, "evaluate", fields_of(world, name="", aggregator=""))
        assert "mixtures.0.name" in found and "mixtures.0.aggregator" in found
        answer = browser.post("/jobs/new/evaluate/", fields_of(world, agents=[]))
        assert answer.status_code == 422
        assert "at least 1" in answer.content.decode()


@pytest.mark.parametrize("layers", ["[[", "7", "[" * 5000, '{"a": 1}'])
def test_nonsense_in_the_hidden_field_is_refused(
    world: World, browser: Client, layers: str
) -> None:
    with world.scope():
        answer = browser.post("/jobs/new/evaluate/", fields_of(world, layers=layers))
        assert answer.status_code == 422 and not Job.objects.exists()
