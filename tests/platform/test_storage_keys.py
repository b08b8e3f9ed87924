"""Keys are made by the server, and no path leads out of its prefix."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from alloyengine.spec.protocol import FilePath
from alloyworks.errors import Invalid
from alloyworks.ids import new_id
from alloyworks.storage import keys

BAD = [
    "", "/", ".", "..", "../x", "a/../b", "a//b", "/a", "a/", ".hidden", "a/.b", "-x", "a b",
    "a\\b", "a\0b", "ä", "a\n", "a%2e%2e", "a/b/c/d/e", "x" * 201, "a?b", "a#b",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="can't be the name of a file") as caught:
        keys.key("base/x/", path)
    assert caught.value.errors[0].remedy


def test_a_key_is_its_prefix_and_its_path() -> None:
    org, job = new_id(), new_id()

    made = keys.key(keys.attempt_prefix(org, job, 3), "shards/model-00001-of-00002.safetensors")

    assert made == f"orgs/{org}/jobs/{job}/attempts/3/shards/model-00001-of-00002.safetensors"


def test_prefixes_are_made_of_ids_alone() -> None:
    for bad in ("..", "", "a/b"):
        with pytest.raises(ValueError, match="UUID"):
            keys.dataset_prefix(bad, new_id())  # type: ignore[arg-type]
    assert keys.base_prefix(UUID(int=0)) == "base/00000000-0000-0000-0000-000000000000/"


@given(st.one_of(st.text(max_size=30), st.from_regex(re.compile(r"[\w./-]{1,30}"), fullmatch=True)))
def test_keys_accept_what_runners_may_name(path: str) -> None:
    try:
        TypeAdapter(FilePath).validate_python(path)
    except ValidationError:
        with pytest.raises(Invalid):
            keys.key("base/x/", path)
    else:
        assert keys.key("base/x/", path) == f"base/x/{path}"
