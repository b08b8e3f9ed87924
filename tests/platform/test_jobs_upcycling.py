"""Upcycling jobs: what is accepted, what is refused before it begins, and what becomes of the result."""

from collections.abc import Iterator
from typing import Any

import pytest

from alloyengine.spec.protocol import FileFacts, Finish
from alloyengine.spec.result import ModelFacts, MoeResult
from alloyworks.catalog.models import ModelVersion
from alloyworks.jobs import submission
from alloyworks.jobs.finish import finish
from alloyworks.jobs.models import JobState
from tests.platform.attempts import running_of
from tests.platform.catalog_cast import make_model
from tests.platform.world import SMALL, World

LLAMA = SMALL | {"model_type": "llama", "intermediate_size": 1536}


@pytest.fixture
def inside(world: World) -> Iterator[None]:
    with world.scope():
        yield


@pytest.mark.usefixtures("inside")
class TestRefused:
    def test_an_expert_of_another_size(self, world: World) -> None:
        other = world.model(hidden_size=1024)

        found = world.faults(world.moe(str(world.tuned.id), str(other.id)))

        (told,) = found.items()
        assert told[0] == ("recipe", "experts", 1, "source_model")
        assert "differs from the base base v1: hidden size 1,024 instead of 576." in told[1][0]

    def test_an_expert_of_another_kind(self, world: World) -> None:
        base, other = world.model(**LLAMA), world.model(**LLAMA | {"model_type": "qwen3"})

        found = world.faults(world.moe(str(base.id), str(other.id), base_model=str(base.id)))

        assert "a qwen3 model instead of a llama model" in next(iter(found.values()))[0]

    def test_a_base_that_can_not_get_experts(self, world: World) -> None:
        base, other = (world.model(**LLAMA | {"model_type": "gpt2"}) for _ in range(2))

        found = world.faults(world.moe(str(base.id), str(other.id), base_model=str(base.id)))

        assert set(found) == {("recipe", "base_model")}

    def test_a_recipe_that_can_not_work(self, world: World) -> None:
        found = world.faults(world.moe(experts_per_token=3))

        assert found == {
            ("recipe", "experts_per_token"): (
                "3 experts are asked for each token, but there are only 2.",
                "List more experts, or lower experts_per_token.",
            )
        }

    def test_a_model_that_is_not_there(self, world: World) -> None:
        found = world.faults(world.moe(str(world.base.id), "nobody"))

        assert set(found) == {("recipe", "experts", 1, "source_model")}


@pytest.mark.usefixtures("inside")
class TestAccepted:
    def test_a_job_is_written_with_all_experts_as_inputs(self, world: World) -> None:
        third = make_model(world.owner, name="third", facts=SMALL)

        job = submission.submit(world.owner, world.moe(str(world.tuned.id), str(third.id)))

        assert (job.kind, job.name) == ("moe", "Mixture of 2 experts")
        assert {entry.model_version for entry in job.inputs.all()} == {
            world.base,
            world.tuned,
            third,
        }

    def test_another_job_may_wait_for_its_model(self, world: World) -> None:
        source = submission.submit(world.owner, world.moe())

        job = submission.submit(world.owner, world.evaluate(f"job:{source.id}"))

        assert job.state == JobState.WAITING

    def test_what_it_makes_is_unlike_its_base(self, world: World) -> None:
        """So a merge of it with the base is not promised anything beforehand, nor refused."""
        source = submission.submit(world.owner, world.moe())
        wide = world.model(hidden_size=1024)

        assert world.faults(world.merge("linear", f"job:{source.id}", str(wide.id))) == {}

    def test_the_result_has_its_experts_as_parents(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alloyworks.jobs.finish.contradiction", lambda *_: "")
        job = submission.submit(world.owner, world.moe())
        attempt = running_of(job)
        facts = ModelFacts(architecture="MixtralForCausalLM", parameters=9, dtype="bfloat16")
        file = FileFacts(path="model.safetensors", size=1, sha256="0" * 64)

        finish(attempt, Finish(result=MoeResult(facts=facts, active_parameters=5), files=[file]))

        made: Any = ModelVersion.objects.get(job=job)
        assert made.origin == "moe"
        assert {edge.parent for edge in made.parent_edges.all()} == {world.base, world.tuned}
