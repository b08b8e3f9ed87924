"""Strange specs, made at random: none of them may be a fault of ours."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alloyworks.accounts.principal import Principal
from tests.platform.world import World

Api = Callable[[Principal], Client]
JOBS = "/api/v1/jobs"


@pytest.fixture
def client(api: Api, world: World) -> Client:
    return api(world.owner)


def merges(world: World) -> list[dict[str, Any]]:
    """Of models, of slices, of modules, and in stages."""
    base, tuned = str(world.base.id), str(world.tuned.id)
    ties = world.merge("ties", tuned, base_model=base, parameters={"weight": 1, "density": [1, 0]})
    piece = {
        "sources": [{"model": base, "layer_range": [0, 9]}, {"model": tuned, "layer_range": [0, 9]}]
    }
    sliced = world.merge("slerp", models=[], slices=[piece], base_model=base, parameters={"t": 0.5})
    tower = {"decoder": {"models": [{"model": f"{base}+{tuned}"}]}}
    staged = world.merge("linear", "first", tuned, tokenizer_source="union")
    return [
        world.merge(),
        ties,
        sliced,
        world.merge(models=[], modules=tower),
        staged | {"stages": [world.merge()["recipe"] | {"name": "first"}]},
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def mangled(spec: Any) -> st.SearchStrategy[Any]:
    """The spec with one part anywhere in it replaced, removed, or added to."""
    if isinstance(spec, dict) and spec:
        one = st.sampled_from(sorted(spec)).flatmap(
            lambda key: st.one_of(
                mangled(spec[key]).map(lambda value: spec | {key: value}),
                st.just({name: value for name, value in spec.items() if name != key}),
            )
        )
        more = st.tuples(st.text(), VALUES).map(lambda pair: spec | dict([pair]))
        return st.one_of(one, one, more, VALUES)
    if isinstance(spec, list) and spec:
        first = mangled(spec[0]).map(lambda value: [value, *spec[1:]])
        return st.one_of(first, st.just(spec * 2), st.just(spec * 40), VALUES)
    return VALUES


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_spec_however_strange_is_a_fault_of_ours(
    client: Client, world: World, data: st.DataObject
) -> None:
    spec = data.draw(st.sampled_from([world.train(), world.evaluate(), *merges(world)]))
    strange = json.dumps(data.draw(mangled(spec)))

    answer, examined = (
        client.post(path, strange, "application/json") for path in (JOBS, f"{JOBS}/examine")
    )

    assert answer.status_code in (201, 400, 422), (strange, answer.content)
    assert examined.status_code in (200, 400, 422), (strange, examined.content)
    assert answer.status_code != 422 or all(error["remedy"] for error in answer.json()["errors"])
