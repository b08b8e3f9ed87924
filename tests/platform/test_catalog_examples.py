"""Examples as a model sees them: shown by the engine, which is told nothing else."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import apart, datasets, examples, heads
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.errors import Invalid, TooMany
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.engine.tiny import tiny_llama
from tests.platform.catalog_cast import make_dataset, make_model, stored
from tests.platform.test_api_core import assert_problem

Api = Callable[[Principal], Client]
Files = dict[str, bytes]
CHAT = [
    {"role": "user", "content": "Symbol of gold?"},
    {"role": "assistant", "content": "Au"},
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Of a tiny model, without its weights."""
    folder = tiny_llama(tmp_path_factory.mktemp("model") / "tiny", seed=1)
    names = ("config.json", "tokenizer.json", "tokenizer_config.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def acme(alice: Principal) -> Iterator[Principal]:
    with scope(alice.organisation.id, alice.user.id):
        yield alice


def model_of(principal: Principal, files: Files) -> ModelVersion:
    """The weights are told of, but not there: nobody may ask for them."""
    entries = [{"path": name, "size": len(content)} for name, content in files.items()]
    model = make_model(principal, files=[*entries, {"path": "model.safetensors", "size": 2**40}])
    for name, content in files.items():
        objects.put_bytes(model.storage_prefix + name, content)
    return model


def dataset_of(principal: Principal, *rows: Any, form: str = "chat") -> Dataset:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    entry = {"path": "train.jsonl", "size": len(content)}
    dataset = make_dataset(principal, format=form, train_rows=len(rows), files=[entry])
    objects.put_bytes(datasets.prefix_of(dataset) + "train.jsonl", content)
    return dataset


def trained(example: examples.Example) -> str:
    return "".join(piece["text"] for piece in example["pieces"] if piece["trained"])


def test_what_the_assistant_says_is_trained_and_only_the_first_rows_are_shown(
    acme: Principal, files: Files
) -> None:
    silent = {"messages": CHAT[:1]}
    dataset = dataset_of(acme, {"messages": CHAT}, silent, *[{"messages": CHAT}] * 9)

    found = examples.examples(acme, dataset.id, model_of(acme, files).id, "sft", 512)

    assert len(found) == examples.ROWS
    assert trained(found[0]) == "Au<|im_end|>" and not found[0]["alarm"]
    assert found[0]["pieces"][0]["text"].startswith("<|im_start|>user\nSymbol of gold?")
    assert found[1]["trained"] == 0 and found[1]["alarm"].startswith("Nothing is trained here")


def test_of_preferences_both_answers_are_shown_and_what_is_cut_off(
    acme: Principal, files: Files
) -> None:
    pair = {"prompt": "Symbol of gold?", "chosen": "Au", "rejected": "Ag " * 40}
    dataset = dataset_of(acme, pair, form="preference")

    chosen, rejected = examples.examples(acme, dataset.id, model_of(acme, files).id, "dpo", 64)

    assert (chosen["title"], rejected["title"]) == ("row 1, chosen", "row 1, rejected")
    assert rejected["cut"] == rejected["tokens"] - 64 > 0
    assert [piece["cut"] for piece in rejected["pieces"]] == [False, False, True]


def config(**changes: Any) -> bytes:
    return json.dumps(
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"]} | changes
    ).encode()


def template(text: str, files: Files) -> bytes:
    return json.dumps(json.loads(files["tokenizer_config.json"]) | {"chat_template": text}).encode()


HOSTILE = {
    "code": ("config.json", lambda _: config(auto_map={"AutoConfig": "x.Y"}), "code of its own"),
    "no tokenizer": ("tokenizer.json", lambda _: b"{}", "can't be used"),
    "a way out": (
        "tokenizer_config.json",
        lambda files: template("{{ ''.__class__.__mro__ }}", files),
        "can't be used",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_model_is_refused_in_words(acme: Principal, files: Files, what: str) -> None:
    name, content, words = HOSTILE[what]
    model = model_of(acme, files | {name: content(files)})
    dataset = dataset_of(acme, {"messages": CHAT})

    with pytest.raises(Invalid, match=words) as caught:
        examples.examples(acme, dataset.id, model.id, "sft", 512)

    assert caught.value.errors[0].loc == ["model"] and "/tmp" not in caught.value.detail


def test_a_row_that_can_not_be_learned_blames_the_dataset(acme: Principal, files: Files) -> None:
    same = {"prompt": "a", "chosen": "b", "rejected": "b"}
    dataset = dataset_of(acme, same, form="preference")

    with pytest.raises(Invalid, match="chosen and rejected are the same") as caught:
        examples.examples(acme, dataset.id, model_of(acme, files).id, "dpo", 512)

    assert caught.value.errors[0].loc == ["dataset"]


def test_what_takes_too_long_is_stopped(
    acme: Principal, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_SECONDS", 0.05)
    dataset = dataset_of(acme, {"messages": CHAT})

    with pytest.raises(Invalid, match="longer than"):
        examples.examples(acme, dataset.id, model_of(acme, files).id, "sft", 512)


def test_few_may_wait_and_the_next_one_is_told_so_at_once(tmp_path: Path) -> None:
    with ExitStack() as taken:
        for _ in range(apart._AT_ONCE + apart._WAITING):
            assert apart._places.acquire(blocking=False)
            taken.callback(apart._places.release)
        begun = time.monotonic()
        with pytest.raises(TooMany, match="Try again"):
            apart.run("alloyengine.train.examples", tmp_path, 1)
        assert time.monotonic() - begun < 5

    assert apart.run("no.such.module", tmp_path, 30).returncode == 1


def test_of_a_large_dataset_the_head_is_read(
    acme: Principal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(heads, "_ROWS_BYTES", 50)
    rows, file = [{"text": "word " * 3}] * 100, tmp_path / "rows"

    assert heads.fetch_rows(dataset_of(acme, *rows), file) == pytest.approx(0.01)
    assert file.read_bytes() == b'{"text": "word word word "}\n'
    with pytest.raises(Invalid, match="longer than 50 bytes"):
        heads.fetch_rows(dataset_of(acme, {"text": "word " * 30}), file)


def test_a_huge_tokenizer_is_not_fetched(acme: Principal, tmp_path: Path) -> None:
    huge = make_model(acme, files=[{"path": "tokenizer.json", "size": 2**40}])

    with pytest.raises(Invalid, match="larger than"):
        heads.fetch_model(huge, tmp_path / "model")


def test_a_dataset_without_training_rows_has_no_examples(acme: Principal) -> None:
    with pytest.raises(Invalid, match="no training rows"):
        examples.examples(acme, make_dataset(acme).id, make_model(acme).id, "sft", 512)


class TestApi:
    def path(self, dataset: Dataset, model: ModelVersion, **query: Any) -> str:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return f"/api/v1/datasets/{dataset.id}/examples?model={model.id}{more}"

    def test_a_viewer_may_look(
        self, api: Api, acme: Principal, vera: Principal, files: Files
    ) -> None:
        dataset = dataset_of(acme, {"text": "Gold is Au."}, form="text")
        path = self.path(dataset, model_of(acme, files), objective="cpt", max_length=128)

        told = api(vera).get(path).json()

        assert [example["title"] for example in told] == ["row 1"]
        assert told[0]["trained"] == told[0]["tokens"] - 1

    def test_anothers_dataset_and_anothers_model_are_not_there(
        self, api: Api, acme: Principal, charlie: Principal
    ) -> None:
        theirs, their_model = stored(acme, 1, 2), make_model(acme)
        with scope(charlie.organisation.id):
            own, own_model = stored(charlie, 1, 2), make_model(charlie)

        for dataset, model, lost in ((theirs, own_model, theirs), (own, their_model, their_model)):
            answer = api(charlie).get(self.path(dataset, model))
            assert_problem(answer, 404)
            assert str(lost.id) in answer.json()["detail"]

    @pytest.mark.parametrize("query", [{"objective": "magic"}, {"max_length": 7}])
    def test_nonsense_is_refused(self, api: Api, acme: Principal, query: dict[str, Any]) -> None:
        answer = api(acme).get(self.path(stored(acme, 1, 2), make_model(acme), **query))

        assert_problem(answer, 422)
