"""Model versions: numbers, who sees them, what deleting them takes along."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from uuid import UUID

import pytest
from django.db import connection

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations, versions
from alloyworks.catalog.models import Evaluation, ModelParent, ModelVersion
from alloyworks.errors import Conflict, Forbidden, NotFound
from alloyworks.ids import new_id
from alloyworks.jobs.models import Job, JobInput
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import base_model, make_dataset, make_job, make_model, score

Commits = Callable[..., AbstractContextManager[object]]


@pytest.fixture
def acme(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


def register(job: Job, *parents: ModelVersion) -> ModelVersion:
    prefix = keys.attempt_prefix(job.organisation_id, job.id, 1)
    files = [{"path": "model.safetensors", "size": 3, "sha256": "0" * 64}]
    return versions.register(job, job.kind, prefix, files, {"parameters": 1}, parents)


def test_versions_of_a_name_are_counted_up(acme: Principal) -> None:
    made = [register(make_job(acme, name="elements")) for _ in range(3)]
    other = register(make_job(acme, name="capitals"))

    assert [model.version for model in made] == [1, 2, 3]
    assert (other.version, versions.label(other)) == (1, "capitals v1")


def test_every_organisation_counts_for_itself(acme: Principal, charlie: Principal) -> None:
    register(make_job(acme, name="same"))

    with scope(charlie.organisation.id):
        assert register(make_job(charlie, name="same")).version == 1


def test_parents_are_noted_once(acme: Principal) -> None:
    parent = make_model(acme)

    child = register(make_job(acme), parent, parent)

    assert [edge.parent_id for edge in ModelParent.objects.filter(child=child)] == [parent.id]


@pytest.mark.parametrize(
    ("own", "parents", "licence"),
    [
        (None, ["gemma"], "gemma"),
        (None, ["gemma", "mit", "gemma"], "gemma AND mit"),
        (None, ["gemma AND mit", "mit"], "gemma AND mit"),
        (None, ["gemma", None], "gemma AND unknown"),
        ("mit", ["gemma"], "mit"),
        (None, [None, None], None),
        (None, [], None),
    ],
)
def test_a_model_inherits_its_licence(
    acme: Principal, own: str | None, parents: list[str | None], licence: str | None
) -> None:
    made_from = [make_model(acme, facts={"licence": name} if name else {}) for name in parents]
    job = make_job(acme)
    prefix = keys.attempt_prefix(job.organisation_id, job.id, 1)

    model = versions.register(job, "merge", prefix, [], {"licence": own}, made_from)

    assert model.facts["licence"] == licence


@pytest.mark.usefixtures("committed_db")
def test_jobs_that_end_at_once_get_different_numbers(alice: Principal) -> None:
    def end(_: int) -> int:
        try:
            with scope(alice.organisation.id):
                return register(make_job(alice, name="race")).version
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(end, range(12))) == list(range(1, 13))


@pytest.mark.usefixtures("committed_db")
def test_own_and_base_models_are_seen_and_no_others(acme: Principal, charlie: Principal) -> None:
    mine, base = make_model(acme), base_model()
    with scope(charlie.organisation.id):
        theirs = make_model(charlie)

    assert {model.id for model in versions.models_of(acme)} == {mine.id, base.id}
    with pytest.raises(NotFound, match=str(theirs.id)):
        versions.get(acme, theirs.id)


def test_downloads_are_named_for_people(acme: Principal) -> None:
    model = register(make_job(acme, name="Größe 1"))

    (download,) = versions.downloads(acme, model.id)

    assert download["path"] == "model.safetensors"
    assert f"{versions.prefix_of(model)}model.safetensors?" in download["url"]
    assert "Gr%25C3%25B6%25C3%259Fe%25201%2520v1-model.safetensors" in download["url"]


@pytest.mark.parametrize("what", [versions.downloads, versions.delete])
def test_a_viewer_neither_downloads_nor_deletes(
    acme: Principal, vera: Principal, what: Callable[[Principal, UUID], object]
) -> None:
    model = make_model(acme)

    with pytest.raises(Forbidden):
        what(vera, model.id)


def test_deleting_takes_scores_edges_and_files_along(
    acme: Principal, django_capture_on_commit_callbacks: Commits
) -> None:
    parent, job = make_model(acme), make_job(acme)
    model = register(job, parent)
    evaluations.record(job, [score("m")], {"m": model}, {"d": make_dataset(acme)})
    objects.put_bytes(versions.prefix_of(model) + "model.safetensors", b"abc")

    with django_capture_on_commit_callbacks(execute=True):
        versions.delete(acme, model.id)

    assert list(ModelVersion.objects.all()) == [parent]
    assert not ModelParent.objects.exists() and not Evaluation.objects.exists()
    assert objects.stat(versions.prefix_of(model) + "model.safetensors") is None


def test_a_model_that_a_job_still_needs_stays(acme: Principal) -> None:
    model = make_model(acme)
    needing = make_job(acme, "running", name="needs it")
    needed = {"organisation": acme.organisation, "job": needing, "reference": str(model.id)}
    JobInput.objects.create(**needed, model_version=model)

    with pytest.raises(Conflict, match="'needs it', which is running"):
        versions.delete(acme, model.id)


def test_a_model_that_a_waiting_job_will_need_stays(acme: Principal) -> None:
    source = make_job(acme, "succeeded")
    model, waiting = register(source), make_job(acme, "waiting")
    entry = {"organisation": acme.organisation, "job": waiting, "reference": f"job:{source.id}"}
    JobInput.objects.create(**entry, source_job=source)

    with pytest.raises(Conflict, match="which is waiting"):
        versions.delete(acme, model.id)


def test_a_finished_job_lets_its_model_go(acme: Principal) -> None:
    model, done = make_model(acme), make_job(acme, "succeeded")
    entry = {"organisation": acme.organisation, "job": done, "reference": str(model.id)}
    JobInput.objects.create(**entry, model_version=model)

    versions.delete(acme, model.id)

    assert JobInput.objects.get().model_version is None


@pytest.mark.usefixtures("committed_db")
def test_nobody_deletes_a_base_model(acme: Principal) -> None:
    with pytest.raises(Forbidden, match="only the operator"):
        versions.delete(acme, base_model().id)


def test_a_foreign_model_can_not_be_deleted(acme: Principal, charlie: Principal) -> None:
    with scope(charlie.organisation.id):
        theirs = make_model(charlie)

    with pytest.raises(NotFound):
        versions.delete(acme, theirs.id)
    with pytest.raises(NotFound):
        versions.delete(acme, new_id())
