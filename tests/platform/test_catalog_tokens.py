"""Token lengths: counted by the model's own tokenizer, sampled when large, remembered."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, tokens
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import Invalid
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import make_model, stored

Api = Callable[[Principal], Client]


@pytest.fixture
def acme(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


def word_tokenizer() -> Tokenizer:
    """One token a word, cut at 4 tokens and padded to them: settings that must not count."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    return tokenizer


def with_file(principal: Principal, content: bytes) -> ModelVersion:
    """A model with this tokenizer.json."""
    files = [{"path": "tokenizer.json", "size": len(content), "sha256": "0" * 64}]
    model = make_model(principal, files=files)
    objects.put_bytes(model.storage_prefix + "tokenizer.json", content)
    return model


@pytest.fixture
def model(acme: Principal) -> ModelVersion:
    return with_file(acme, word_tokenizer().to_str().encode())


def test_examples_of_both_files_are_counted_by_the_models_tokenizer(
    acme: Principal, model: ModelVersion
) -> None:
    found = tokens.lengths(acme, stored(acme, 3, 5, 10).id, model.id)

    assert (found["examples"], found["sampled"]) == (3, False)
    assert (found["tokens"]["total"], found["tokens"]["max"], found["tokens"]["p50"]) == (18, 10, 5)
    assert {bin_["start"]: bin_["examples"] for bin_ in found["histogram"] if bin_["examples"]} == {
        3: 1,
        5: 1,
        10: 1,
    }


def test_roles_are_not_counted(acme: Principal, model: ModelVersion) -> None:
    dataset = stored(acme, 1)
    chat = {"messages": [{"role": "user", "content": "a b"}, {"role": "assistant", "content": "c"}]}
    line = json.dumps(chat).encode() + b"\n"
    objects.put_bytes(datasets.prefix_of(dataset) + "train.jsonl", line)
    dataset.files = [{"path": "train.jsonl", "size": len(line)}]
    dataset.save()

    assert tokens.lengths(acme, dataset.id, model.id)["tokens"]["total"] == 3


def test_what_was_counted_is_remembered_for_each_model(
    acme: Principal, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = stored(acme, 2, 4)
    other = with_file(acme, word_tokenizer().to_str().encode())
    first = [tokens.lengths(acme, dataset.id, m.id) for m in (model, other)]

    monkeypatch.setattr(tokens, "_count", None)  # not needed again

    assert [tokens.lengths(acme, dataset.id, m.id) for m in (model, other)] == first
    dataset.refresh_from_db()
    assert set(dataset.stats) == {"rows", "tokens"}


def test_a_large_dataset_is_sampled_in_whole_lines(
    acme: Principal, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(tokens, "_SPAN_BYTES", 500)
    dataset = stored(acme, *([7] * 400))

    found = tokens.lengths(acme, dataset.id, model.id)

    assert found["sampled"] and 20 < found["examples"] < 100
    assert (found["tokens"]["min"], found["tokens"]["max"]) == (7, 7)


LOOP = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}


def hostile(**changes: Any) -> bytes:
    return json.dumps(json.loads(word_tokenizer().to_str()) | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"{}",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        hostile(model={"type": "Magic"}),
        hostile(pre_tokenizer={"type": "Split", "pattern": {"Regex": "("}}),
    ],
)
def test_a_tokenizer_that_can_not_be_read_is_said_so(acme: Principal, content: bytes) -> None:
    model = with_file(acme, content)

    with pytest.raises(Invalid, match=r"tokenizer\.json can't be used") as caught:
        tokens.lengths(acme, stored(acme, 1, 2).id, model.id)

    assert caught.value.errors[0].loc == ["model"]


def test_a_tokenizer_that_never_ends_is_stopped(
    acme: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_SECONDS", 2)
    swell = {"type": "Replace", "pattern": {"Regex": ""}, "content": "x" * 1000}
    normalizers = {"type": "Sequence", "normalizers": [swell] * 5}
    model = with_file(acme, hostile(normalizer=normalizers, pre_tokenizer=LOOP))

    with pytest.raises(Invalid, match=r"longer than 2 seconds|crashed"):
        tokens.lengths(acme, stored(acme, 1, 2).id, model.id)


def test_a_model_without_a_tokenizer_is_refused(acme: Principal) -> None:
    with pytest.raises(Invalid, match=r"no tokenizer\.json"):
        tokens.lengths(acme, stored(acme, 1).id, make_model(acme).id)


def test_a_huge_tokenizer_is_not_fetched(acme: Principal) -> None:
    huge = [{"path": "tokenizer.json", "size": 2**40}]

    with pytest.raises(Invalid, match="larger than"):
        tokens.lengths(acme, stored(acme, 1).id, make_model(acme, files=huge).id)


def test_the_api_tells_it_to_a_viewer(api: Api, acme: Principal, vera: Principal) -> None:
    model = with_file(acme, word_tokenizer().to_str().encode())
    dataset = stored(acme, 3, 5)

    told = api(vera).get(f"/api/v1/datasets/{dataset.id}/tokens?model={model.id}").json()

    assert (told["model_id"], told["examples"], told["tokens"]["max"]) == (str(model.id), 2, 5)


def test_another_organisations_model_counts_nothing(
    api: Api, acme: Principal, charlie: Principal, model: ModelVersion
) -> None:
    with scope(charlie.organisation.id):
        dataset = stored(charlie, 1, 2)

    answer = api(charlie).get(f"/api/v1/datasets/{dataset.id}/tokens?model={model.id}")

    assert (answer.status_code, str(model.id) in answer.json()["detail"]) == (404, True)


@given(st.dictionaries(st.integers(0, 200_000), st.integers(1, 50), max_size=40))
def test_every_example_is_in_one_of_a_few_bins_of_one_round_width(counts: dict[int, int]) -> None:
    bins = tokens.histogram(Counter(counts))

    assert sum(bin_["examples"] for bin_ in bins) == sum(counts.values())
    assert len(bins) <= 24 and len({bin_["end"] - bin_["start"] for bin_ in bins}) <= 1
    for bin_ in bins:
        inside = [n for length, n in counts.items() if bin_["start"] <= length < bin_["end"]]
        assert sum(inside) == bin_["examples"]


@given(st.integers(0, 10**10))
def test_spans_lie_inside_the_file_and_do_not_overlap_when_it_is_large(size: int) -> None:
    found = tokens.spans(size)

    assert found[0][0] == 0 and found[-1][1] <= size
    assert all(0 <= end - start <= tokens._SPAN_BYTES for start, end in found)
    if size >= tokens.WHOLE_BYTES:
        assert all(end <= start for (_, end), (start, _) in pairwise(found))
