"""What a job's runner needs: from its spec and its inputs' sizes, never below the settings."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alloyworks.config import config
from alloyworks.jobs.executors.needs import GIB, MARGIN, needs_of
from alloyworks.jobs.models import Job, JobInput
from tests.platform.catalog_cast import make_model
from tests.platform.world import World

LARGE = [{"path": "model.safetensors", "size": 30 * GIB, "sha256": "0" * 64}]


def job(world: World, kind: str, **changes: Any) -> Job:
    """On a model of 30 GiB and 7 billion parameters."""
    model = make_model(world.owner, files=LARGE, facts={"parameters": 7 * 10**9})
    found = world.job(kind, **changes)
    JobInput.objects.create(
        organisation=world.owner.organisation, job=found, reference="m", model_version=model
    )
    return found


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "kube_image_cuda", "engine-cuda:1")


def test_a_small_job_gets_what_the_settings_say(world: World) -> None:
    with world.scope():
        needs = needs_of(world.job("merge"))

    assert needs.memory == int((config.kube_memory_gb + config.kube_shared_memory_gb) * GIB)
    assert needs.scratch == int(config.kube_scratch_gb * GIB)
    assert (needs.gpus, needs.nodes, needs.cpus) == (0, 1, config.kube_cpus)


def test_a_merge_streams_however_large_its_models_are(world: World, gpus: None) -> None:
    with world.scope():
        needs = needs_of(job(world, "merge"))

    assert needs.memory < 16 * GIB
    assert needs.scratch < 30 * GIB
    assert needs.gpus == 0


def test_training_has_room_for_its_model_and_checkpoints(world: World) -> None:
    with world.scope():
        needs = needs_of(job(world, "train"))

    assert needs.memory > 16 * 7 * 10**9
    assert needs.scratch > 2 * 30 * GIB + 2 * 12 * 7 * 10**9


def test_training_on_a_gpu_keeps_less_in_memory_of_its_own(world: World, gpus: None) -> None:
    with world.scope():
        needs = needs_of(job(world, "train"))

    assert needs.gpus == 1
    assert 60 * GIB < needs.memory < 80 * GIB


def test_each_of_several_processes_has_room_to_load_the_model(world: World, gpus: None) -> None:
    with world.scope():
        found = job(world, "train")
        found.spec |= {"resources": {"gpus": 4, "nodes": 2}}
        needs = needs_of(found)

    assert (needs.gpus, needs.nodes) == (4, 2)
    assert needs.memory > 4 * 4 * 7 * 10**9


def test_an_evaluation_has_room_for_its_models(world: World, gpus: None) -> None:
    with world.scope():
        needs = needs_of(job(world, "evaluate"))

    assert needs.gpus == 1
    assert needs.scratch > 30 * GIB


def test_upcycling_is_done_by_cores_and_has_room_for_what_it_makes(
    world: World, gpus: None
) -> None:
    with world.scope():
        needs = needs_of(job(world, "moe"))

    assert needs.gpus == 0
    assert needs.scratch > 60 * GIB


def test_a_search_keeps_its_models_in_memory(world: World, gpus: None) -> None:
    with world.scope():
        needs = needs_of(job(world, "evolve"))

    assert needs.gpus == 1
    assert needs.memory > 60 * GIB


def test_processes_without_a_gpu_have_a_core_each(world: World) -> None:
    with world.scope():
        found = world.job("train")
        found.spec |= {"resources": {"gpus": 8}}

        assert needs_of(found).cpus == 8


def test_the_time_is_what_the_jobs_attempts_have_left(world: World) -> None:
    with world.scope():
        fresh = needs_of(world.job("merge", max_hours=2.0))
        begun = timezone.now() - timedelta(hours=1)
        later = needs_of(world.job("merge", max_hours=2.0, started_at=begun))

    assert fresh.seconds == 7200 + MARGIN
    assert later.seconds == pytest.approx(3600 + MARGIN, abs=60)
