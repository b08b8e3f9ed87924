"""What becomes of a spec: a job with its inputs, or everything that is wrong with it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, versions
from alloyworks.catalog.models import Dataset
from alloyworks.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from alloyworks.jobs import submission
from alloyworks.jobs.models import Event, Job, JobInput, JobState
from tests.platform.catalog_cast import base_model, make_model
from tests.platform.world import SMALL, World

Spec = dict[str, Any]


@pytest.fixture
def theirs(charlie: Principal) -> World:
    return World(charlie)


@pytest.fixture
def inside(world: World) -> Iterator[None]:
    with world.scope():
        yield


@pytest.mark.usefixtures("inside")
class TestAccepted:
    def test_a_job_is_written_with_its_inputs(self, world: World) -> None:
        job = submission.submit(world.owner, world.train())

        assert (job.kind, job.name, job.state, job.attempt_limit) == (
            "train",
            "specialist",
            "queued",
            3,
        )
        found = {(i.reference, i.model_version, i.dataset) for i in job.inputs.all()}
        assert found == {
            (str(world.base.id), world.base, None),
            (str(world.chats.id), None, world.chats),
        }
        assert Event.objects.get(job=job).data["message"] == "Submitted by alice@acme.example."

    def test_the_stored_spec_is_complete(self, world: World) -> None:
        job = submission.submit(world.owner, world.train())

        assert job.spec["tuning"] == {
            "method": "spectrum",
            "percent": 25,
            "train_embeddings": True,
            "score": "spectrum",
            "modules": None,
            "budget_gb": None,
        }
        assert job.spec["seed"] == 0

    def test_an_input_that_is_named_twice_is_one(self, world: World) -> None:
        base = str(world.base.id)

        job = submission.submit(
            world.owner, world.merge("task_arithmetic", base, str(world.tuned.id), base_model=base)
        )

        assert job.inputs.count() == 2

    def test_a_job_waits_for_the_model_of_another(self, world: World) -> None:
        source = submission.submit(world.owner, world.train())

        job = submission.submit(world.owner, world.evaluate(f"job:{source.id}"))

        assert job.state == "waiting"
        entry = job.inputs.get(source_job=source)
        assert (entry.reference, entry.model_version) == (f"job:{source.id}", None)

    def test_a_model_that_another_job_has_made_is_there(self, world: World) -> None:
        source = world.job(state=JobState.SUCCEEDED)
        made = make_model(world.owner, job=source, facts=SMALL)

        job = submission.submit(world.owner, world.evaluate(f"job:{source.id}"))

        assert job.state == "queued"
        assert job.inputs.get(source_job=source).model_version == made

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("train", "Train elements"),
            ("merge", "Merge of 2 models"),
            ("evaluate", "Evaluate 1 model"),
        ],
    )
    def test_a_job_without_a_name_gets_one(self, world: World, kind: str, name: str) -> None:
        job = submission.submit(world.owner, world.spec(kind) | {"name": " "})

        assert job.name == name

    def test_a_long_dataset_gives_no_longer_name_than_there_may_be(self, world: World) -> None:
        Dataset.objects.update(name="x" * 120)

        job = submission.submit(world.owner, world.train(name=""))

        assert job.name == "Train " + "x" * 114

    def test_a_clone_is_a_new_job_with_the_same_spec(self, world: World) -> None:
        first = submission.submit(world.owner, world.train())

        second = submission.clone(world.owner, first.id)

        assert second.id != first.id
        assert (second.spec, second.name) == (first.spec, first.name)

    def test_a_clone_of_a_job_whose_input_is_gone_is_refused(self, world: World) -> None:
        first = world.job()
        Dataset.objects.all().delete()

        with pytest.raises(Invalid, match="There is no dataset"):
            submission.clone(world.owner, first.id)


@pytest.mark.usefixtures("committed_db")
def test_a_base_model_may_be_used_by_everyone(world: World) -> None:
    base = base_model(facts=SMALL)

    with world.scope():
        job = submission.submit(world.owner, world.train(model=str(base.id)))
        assert job.inputs.get(model_version=base)


def test_a_viewer_submits_nothing(world: World, vera: Principal) -> None:
    with world.scope(), pytest.raises(Forbidden):
        submission.submit(vera, world.train())


def test_what_is_refused_leaves_nothing_behind(world: World) -> None:
    with world.scope():
        with pytest.raises(Invalid):
            submission.submit(world.owner, world.train(dataset=str(uuid4())))

        assert (Job.objects.count(), JobInput.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_another_organisations_job_is_not_cloned(world: World, theirs: World) -> None:
    with theirs.scope():
        job = theirs.job()

    with world.scope(), pytest.raises(NotFound):
        submission.clone(world.owner, job.id)


@pytest.mark.usefixtures("committed_db")
class TestMeanwhile:
    """With real commits, on two connections."""

    def test_a_dataset_that_a_submission_holds_is_not_deleted(self, world: World) -> None:
        with ThreadPoolExecutor(1) as elsewhere:
            with world.scope():
                job = submission.submit(world.owner, world.train())
                deletion = elsewhere.submit(attempted, world, datasets.delete, world.chats.id)
                assert not wait([deletion], timeout=0.3).done
            assert isinstance(deletion.result(), Conflict)
        with world.scope():
            assert job.inputs.get(reference=str(world.chats.id)).dataset == world.chats

    def test_a_dataset_that_a_deletion_holds_is_gone(self, world: World) -> None:
        with ThreadPoolExecutor(1) as elsewhere:
            with world.scope():
                datasets.delete(world.owner, world.chats.id)
                job = elsewhere.submit(attempted, world, submission.submit, world.train())
                assert not wait([job], timeout=0.3).done
            assert isinstance(refusal := job.result(), Invalid)
        assert refusal.errors[0].msg == f"There is no dataset '{world.chats.id}'."

    def test_a_model_of_a_job_is_held_like_any_other(self, world: World) -> None:
        with world.scope():
            source = world.job(state=JobState.SUCCEEDED)
            made = make_model(world.owner, job=source, facts=SMALL)
        with ThreadPoolExecutor(1) as elsewhere:
            with world.scope():
                submission.submit(world.owner, world.evaluate(f"job:{source.id}"))
                deletion = elsewhere.submit(attempted, world, versions.delete, made.id)
                assert not wait([deletion], timeout=0.3).done
            assert isinstance(deletion.result(), Conflict)

    def test_two_submissions_do_not_wait_for_each_other(self, world: World) -> None:
        with ThreadPoolExecutor(1) as elsewhere, world.scope():
            submission.submit(world.owner, world.train())
            other = elsewhere.submit(attempted, world, submission.submit, world.train())
            assert isinstance(other.result(timeout=10), Job)


def attempted(world: World, act: Callable[..., Any], thing: Any) -> Any:
    """What comes of it on a connection of its own: a result, or the problem."""
    try:
        with world.scope():
            return act(world.owner, thing)
    except Problem as problem:
        return problem
    finally:
        connection.close()
